//! The operator's process: connects, runs one controller per kind, and stops in good order.

use clap::Parser as _;
use seaworthy_operator::{Config, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    telemetry::init();
    seaworthy_operator::run(config).await
}
