//! The links in what endpoints get: requests without a signature, which a browser can follow.

use bytes::Bytes;
use http::{Method, Request, header};
use keywright_model::{AccountId, Arn, Region};

use super::topics;
use crate::context::Caller;
use crate::sigv4::Signer;

/// Who follows a link to confirm or to end a subscription, and in which Region; none where the request is something
/// else, and needs a signature.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>, `SubscribeURL` and
/// `UnsubscribeURL`.
pub(crate) fn linked(request: &Request<Bytes>) -> Option<Signer> {
    let is_link = request.method() == Method::GET
        && request.uri().path() == "/"
        && request.body().is_empty()
        && !request.headers().contains_key(header::AUTHORIZATION);
    let query = request.uri().query().filter(|_| is_link)?;
    // One that names something twice, or carries a signature, is no link that was sent.
    let parameter = |wanted: &str| {
        let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
        found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.into_owned())
    };
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name.starts_with("X-Amz-")) {
        return None;
    }
    let arn = match parameter("Action")?.as_str() {
        "ConfirmSubscription" => Arn::parse(&parameter("TopicArn")?).ok()?,
        "Unsubscribe" => Arn::parse(&parameter("SubscriptionArn")?).ok()?,
        _ => return None,
    };
    let topic = arn.resource().split(':').next().filter(|name| topics::check_name(name).is_ok());
    topic.filter(|_| arn.service() == "sns")?;
    let account = AccountId::parse(arn.account()).ok()?;
    Some(Signer { caller: Caller::anonymous(account), region: Region::parse(arn.region()).ok()? })
}
