//! What listeners and rules do with a request, between our words and AWS's.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig, RedirectActionConfig,
    RedirectActionStatusCodeEnum,
};
use engine::Result;
use kinds::DefaultAction;

/// An action that forwards to one target group. The short form, which every endpoint keeps; AWS answers
/// with both forms.
pub(super) fn forward(target_group: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(target_group).build()
}

/// The one target group that all of `actions` lead to, if there is one.
pub(super) fn forwards_to(actions: &[Action]) -> Option<&str> {
    let [action] = actions else { return None };
    if action.r#type() != Some(&ActionTypeEnum::Forward) {
        return None;
    }
    let weighted =
        action.forward_config().map(ForwardActionConfig::target_groups).unwrap_or_default();
    match weighted {
        [] => action.target_group_arn(),
        [only] => only.target_group_arn(),
        several => {
            let mut used = several.iter().filter(|group| group.weight() != Some(0));
            used.next().filter(|_| used.next().is_none()).and_then(|one| one.target_group_arn())
        }
    }
}

/// A listener's default action as AWS takes it; `None` for what we never set.
pub(super) fn sent(action: &DefaultAction) -> Result<Option<Action>> {
    Ok(Some(match action {
        DefaultAction::Forward { target_group } => forward(target_group.get()?),
        DefaultAction::FixedResponse { status, content_type, body } => {
            let config = FixedResponseActionConfig::builder()
                .status_code(status.to_string())
                .content_type(content_type)
                .message_body(body)
                .build();
            Action::builder()
                .r#type(ActionTypeEnum::FixedResponse)
                .fixed_response_config(config)
                .build()
        }
        DefaultAction::RedirectToHttps => Action::builder()
            .r#type(ActionTypeEnum::Redirect)
            .redirect_config(
                RedirectActionConfig::builder()
                    .protocol("HTTPS")
                    .port("443")
                    .status_code(RedirectActionStatusCodeEnum::Http301)
                    .build(),
            )
            .build(),
        DefaultAction::Other { .. } => return Ok(None),
    }))
}

/// A listener's default actions as seen.
pub(super) fn seen(actions: &[Action]) -> DefaultAction {
    if let Some(target_group) = forwards_to(actions) {
        return DefaultAction::Forward { target_group: target_group.into() };
    }
    if let [action] = actions {
        if let Some(fixed) = action.fixed_response_config() {
            return DefaultAction::FixedResponse {
                status: fixed.status_code().and_then(|code| code.parse().ok()).unwrap_or_default(),
                content_type: fixed.content_type().unwrap_or_default().into(),
                body: fixed.message_body().unwrap_or_default().into(),
            };
        }
        if action.redirect_config().is_some_and(is_to_https) {
            return DefaultAction::RedirectToHttps;
        }
    }
    let kinds = actions.iter().filter_map(|action| action.r#type());
    let kinds: Vec<&str> = kinds.map(ActionTypeEnum::as_str).collect();
    DefaultAction::Other { description: kinds.join(", ") }
}

/// The same URL, but for the protocol and the port.
fn is_to_https(redirect: &RedirectActionConfig) -> bool {
    let keeps = |part: Option<&str>, same: &str| part.is_none_or(|part| part == same);
    redirect.protocol() == Some("HTTPS")
        && redirect.port() == Some("443")
        && redirect.status_code() == Some(&RedirectActionStatusCodeEnum::Http301)
        && keeps(redirect.host(), "#{host}")
        && keeps(redirect.path(), "/#{path}")
        && keeps(redirect.query(), "#{query}")
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::TargetGroupTuple;

    use super::*;

    fn split(weights: &[(&str, i32)]) -> Action {
        let groups = weights.iter().map(|(arn, weight)| {
            TargetGroupTuple::builder().target_group_arn(*arn).weight(*weight).build()
        });
        let config = ForwardActionConfig::builder().set_target_groups(Some(groups.collect()));
        Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config.build()).build()
    }

    #[test]
    fn actions_survive_the_wire() {
        let fixed = DefaultAction::FixedResponse {
            status: 404,
            content_type: "text/plain".into(),
            body: "no route".into(),
        };
        let forward = DefaultAction::Forward { target_group: "tg".into() };
        for action in [fixed, forward, DefaultAction::RedirectToHttps] {
            assert_eq!(seen(&[sent(&action).unwrap().unwrap()]), action);
        }
    }

    #[test]
    fn traffic_split_between_two_groups_is_not_ours() {
        assert_eq!(forwards_to(&[split(&[("a", 1)])]), Some("a"));
        assert_eq!(forwards_to(&[split(&[("a", 0), ("b", 100)])]), Some("b"));
        assert_eq!(forwards_to(&[split(&[("a", 50), ("b", 50)])]), None);
    }

    #[test]
    fn a_redirect_to_elsewhere_is_something_that_we_never_set() {
        let elsewhere = RedirectActionConfig::builder()
            .protocol("HTTPS")
            .port("443")
            .host("evil.example")
            .status_code(RedirectActionStatusCodeEnum::Http301)
            .build();
        let action =
            Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(elsewhere).build();
        assert_eq!(seen(&[action]), DefaultAction::Other { description: "redirect".into() });
    }
}
