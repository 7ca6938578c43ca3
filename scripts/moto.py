"""Loaded by every interpreter of moto's environment: mends two answers of moto 5.2.5 that are not AWS's."""

import json

try:
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket
    from moto.s3.responses import S3Response
except ImportError:
    # pip itself runs before moto is there.
    pass
else:
    VERSIONING = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</VersioningConfiguration>'
    )

    def get_bucket_versioning(self):
        """moto names the root after the operation; boto3 forgives it and the AWS SDK for Rust does not."""
        status = self.backend.get_bucket_versioning(self.bucket_name)
        return 200, {"content-type": "application/xml"}, VERSIONING.format(f"<Status>{status}</Status>" if status else "")

    def get_permission(self, action, resource):
        """moto denies what a bucket policy denies under a condition without looking at the condition."""
        if self.policy is None:
            return PermissionResult.NEUTRAL
        policy = json.loads(self.policy)
        policy["Statement"] = [it for it in policy["Statement"] if "Condition" not in it]
        return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)

    S3Response.get_bucket_versioning = get_bucket_versioning
    FakeBucket.get_permission = get_permission
