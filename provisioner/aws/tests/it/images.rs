//! Images in ECR on an emulator.

use engine::Class;

use crate::answers;
use crate::contract::Project;
use crate::emulator::Emulator;

const MANIFEST: &str = r#"{"schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
    "layers": []}"#;

#[tokio::test]
async fn an_image_is_found_by_its_tag_and_by_its_digest() {
    let project = Project::new(Emulator::get().await.connect());
    let (aws, ecr) = (&project.aws, &project.aws.read().ecr);
    let name = project.named("test/api");
    assert_eq!(aws.image(&name, "v1").await.unwrap(), None, "there is no such repository");
    ecr.create_repository().repository_name(&name).send().await.unwrap();
    let put = ecr.put_image().repository_name(&name).image_tag("v1").image_manifest(MANIFEST);
    let put = put.image_manifest_media_type("application/vnd.oci.image.manifest.v1+json");
    put.send().await.unwrap();

    let found = aws.image(&name, "v1").await.unwrap().unwrap();
    assert!(found.digest.starts_with("sha256:"), "{found:?}");
    assert_eq!(found.tags, ["v1"]);
    assert_eq!(found.media_type, "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(aws.image(&name, &found.digest).await.unwrap(), Some(found));
    assert_eq!(aws.image(&name, "v2").await.unwrap(), None);
    let unknown = format!("sha256:{}", "0".repeat(64));
    assert_eq!(aws.image(&name, &unknown).await.unwrap(), None);
}

#[tokio::test]
async fn not_being_allowed_to_look_is_not_absence() {
    let aws = answers::aws(|_, _| answers::refusal("AccessDeniedException", "not authorized"));
    assert!(aws.image("shop/api", "v1").await.unwrap_err().is(Class::Denied));
    let aws = answers::aws(|_, _| answers::refusal("ImageNotFoundException", "no such image"));
    assert_eq!(aws.image("shop/api", "v1").await.unwrap(), None);
}
