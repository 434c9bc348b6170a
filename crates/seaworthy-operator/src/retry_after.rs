//! `Retry-After` of answers that are no Status: those of proxies and of the API server's own overload filter.
//!
//! `kube` makes an error of such an answer's text and drops its headers, so what was asked for would be lost. This layer puts it where the
//! API server's own errors have it: `details.retryAfterSeconds` of a Status. Everything else passes as it came. Deliberately absent:
//! waiting; whoever made the call decides about that.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::Bytes;
use kube::{client::Body, core::Status};
use serde_json::json;
use tower::{BoxError, Layer, Service};

/// The most that is read of such an answer; longer ones are cut off.
const LONGEST: usize = 64 * 1024;

/// Puts [`RetryAfter`] around a client's service.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryAfterLayer;

impl<S> Layer<S> for RetryAfterLayer {
    type Service = RetryAfter<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryAfter { inner }
    }
}

/// See [`RetryAfterLayer`].
#[derive(Debug, Clone)]
pub struct RetryAfter<S> {
    inner: S,
}

type Answered<B> = Result<Response<Either<B, Full<Bytes>>>, BoxError>;

impl<S, B> Service<Request<Body>> for RetryAfter<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Either<B, Full<Bytes>>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answered<B>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into)?;
            let busy = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            match seconds(answer.headers(), jiff::Timestamp::now()).filter(|_| busy) {
                Some(seconds) => as_status(answer, seconds).await,
                None => Ok(answer.map(Either::Left)),
            }
        })
    }
}

/// What is asked for, in seconds: the header has them, or a date (RFC 9110, 10.2.3).
fn seconds(headers: &HeaderMap, now: jiff::Timestamp) -> Option<u32> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(u32::try_from(at.as_second().saturating_sub(now.as_second()).max(0)).unwrap_or(u32::MAX))
}

async fn as_status<B>(answer: Response<B>, seconds: u32) -> Answered<B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = answer.into_parts();
    // What is longer, or breaks off, is no Status; it is the code that counts.
    let bytes =
        Limited::new(body, LONGEST).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let told =
        serde_json::from_slice::<Status>(&bytes).is_ok_and(|s| s.details.is_some_and(|d| d.retry_after_seconds > 0));
    let bytes = if told {
        bytes
    } else {
        let said = serde_json::from_slice::<Status>(&bytes).map(|s| s.message);
        let message = said.unwrap_or_else(|_| String::from_utf8_lossy(&bytes).trim().to_owned());
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": parts.status.canonical_reason().unwrap_or_default().replace(' ', ""),
            "details": {"retryAfterSeconds": seconds}, "code": parts.status.as_u16()});
        status.to_string().into()
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(Response::from_parts(parts, Either::Right(Full::new(bytes))))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::core::v1::Pod;
    use kube::{Api, Client};

    use super::*;
    use crate::client::{Retry, timed};

    async fn asked(code: u16, after: Option<&'static str>, body: &'static str) -> (u16, Retry, String) {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            let answer = Response::builder().status(code);
            let answer = after.map_or(Response::builder().status(code), |after| answer.header("retry-after", after));
            answer.body(Full::new(Bytes::from_static(body.as_bytes())))
        });
        let client = Client::new(RetryAfterLayer.layer(service), "ns");
        let pods: Api<Pod> = Api::default_namespaced(client);
        let error = timed(|| "get".to_owned(), pods.get("p")).await.unwrap_err();
        (error.code(), error.retry(), error.message())
    }

    fn after(seconds: u64) -> Retry {
        Retry::After(Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn plain_text_answers_are_waited_for_as_long_as_they_ask() {
        const TEXT: &str = "Too many requests, please try again later.\n";
        assert_eq!(asked(429, Some("7"), TEXT).await, (429, after(7), TEXT.trim().to_owned()));
        assert_eq!(asked(503, Some("9"), "").await.1, after(9));
        // Nobody is made to wait for an hour.
        assert_eq!(asked(429, Some("3600"), TEXT).await.1, after(60));
        assert_eq!(asked(429, Some("soon"), TEXT).await.1, after(0));
        assert_eq!(asked(429, None, TEXT).await.1, after(0));
        assert_eq!(asked(500, Some("7"), TEXT).await.1, after(0));
    }

    #[tokio::test]
    async fn a_status_keeps_its_words_and_what_it_asks_itself() {
        const ITS_OWN: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"busy","reason":"TooManyRequests","details":{"retryAfterSeconds":4},"code":429}"#;
        const WITHOUT: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"busy","reason":"TooManyRequests","code":429}"#;
        assert_eq!(asked(429, Some("7"), ITS_OWN).await, (429, after(4), "busy".to_owned()));
        assert_eq!(asked(429, Some("7"), WITHOUT).await, (429, after(7), "busy".to_owned()));
    }

    #[test]
    fn a_date_is_a_time_from_now() {
        let now: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let of = |text: &'static str| {
            seconds(&HeaderMap::from_iter([(header::RETRY_AFTER, header::HeaderValue::from_static(text))]), now)
        };
        assert_eq!(of("Fri, 02 Jan 2026 03:04:35 GMT"), Some(30));
        assert_eq!(of("Fri, 02 Jan 2026 03:04:00 GMT"), Some(0));
        assert_eq!(of("12"), Some(12));
        assert_eq!(of("soon"), None);
    }
}
