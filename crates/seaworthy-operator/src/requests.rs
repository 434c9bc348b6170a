//! Counts what the API server is asked and what it answers, by verb and code. A layer around the client: nothing is asked past it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use kube::client::Body;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use tower::{BoxError, Layer, Service};

/// Labels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The HTTP method; a list and a watch are a `GET`.
    pub verb: String,
    /// The answer's status code, 0 when there was none.
    pub code: u16,
}

/// Requests by verb and code.
pub type Requests = Family<RequestLabels, Counter>;

/// Counts the requests of a client.
#[derive(Debug, Clone)]
pub struct RequestsLayer(pub Requests);

impl<S> Layer<S> for RequestsLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.0.clone() }
    }
}

/// A client's transport whose requests are counted.
#[derive(Debug, Clone)]
pub struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (verb, requests) = (request.method().as_str().to_owned(), self.requests.clone());
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = call.await;
            let code = answer.as_ref().map_or(0, |a| a.status().as_u16());
            requests.get_or_create(&RequestLabels { verb, code }).inc();
            answer
        })
    }
}
