//! A refusal in the words of the service that gives it.

use crate::wire::error::Fault;
use crate::wire::{Protocol, Request};

pub(super) fn fault(request: &Request, caller: &str, action: &str, resource: &str) -> Fault {
    let shown = match request.protocol {
        Protocol::S3 => format!("\"{resource}\""),
        _ => resource.to_owned(),
    };
    let on = if resource == "*" { String::new() } else { format!(" on resource: {shown}") };
    let message = format!(
        "User: {caller} is not authorized to perform: {action}{on} because no identity-based policy allows the {action} action"
    );
    match request.protocol {
        Protocol::Ec2 => {
            let message = format!("You are not authorized to perform this operation. {message}");
            Fault::refusal("UnauthorizedOperation", message).with_status(403)
        }
        Protocol::Query | Protocol::S3 => Fault::refusal("AccessDenied", message).with_status(403),
        Protocol::Json(_) => Fault::refusal("AccessDeniedException", message),
        Protocol::Opaque => Fault::refusal("AccessDeniedException", message).with_status(403),
    }
}
