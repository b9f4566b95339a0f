//! iroh-gossip: HyParView and Plumtree over QUIC, messages not signed. Default settings, but for
//! the size of messages; no relay and no look-up by DNS: addresses are given by hand.
#[path = "../broadcast/load.rs"]
mod load;

use std::sync::Arc;

use bytes::Bytes;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::{Endpoint, RelayMode, presets};
use iroh::protocol::Router;
use iroh::{EndpointAddr, TransportAddr};
use iroh_gossip::api::{Event, GossipSender};
use iroh_gossip::net::{GOSSIP_ALPN, Gossip};
use iroh_gossip::proto::TopicId;
use n0_future::StreamExt;

struct Iroh {
    senders: Vec<GossipSender>,
    _keep: Vec<(Router, Gossip)>,
}

impl load::System for Iroh {
    const NAME: &'static str = "iroh-gossip";
    const VERSION: &'static str = "0.101.0, iroh 1.4.1";

    async fn start(nodes: usize, ledger: Arc<load::Ledger>) -> Self {
        let lookup = MemoryLookup::new();
        let topic = TopicId::from_bytes([7; 32]);
        let mut first = None;
        let mut senders = Vec::new();
        let mut keep = Vec::new();
        for node in 0..nodes {
            let endpoint = Endpoint::builder(presets::Minimal)
                .relay_mode(RelayMode::Disabled)
                .address_lookup(lookup.clone())
                .clear_ip_transports()
                .bind_addr("127.0.0.1:0")
                .unwrap()
                .bind()
                .await
                .unwrap();
            let address = TransportAddr::Ip(endpoint.bound_sockets()[0]);
            lookup.add_endpoint_info(EndpointAddr::from_parts(endpoint.id(), [address]));
            let gossip = Gossip::builder().max_message_size(1 << 17).spawn(endpoint.clone());
            let router =
                Router::builder(endpoint.clone()).accept(GOSSIP_ALPN, gossip.clone()).spawn();
            let seeds = first.into_iter().collect();
            first = first.or(Some(endpoint.id()));
            let topic = if node == 0 {
                gossip.subscribe(topic, seeds).await.unwrap()
            } else {
                gossip.subscribe_and_join(topic, seeds).await.unwrap()
            };
            let (sender, mut receiver) = topic.split();
            let ledger = ledger.clone();
            tokio::spawn(async move {
                while let Some(Ok(event)) = receiver.next().await {
                    if let Event::Received(message) = event {
                        ledger.take(node, &message.content);
                    }
                }
            });
            senders.push(sender);
            keep.push((router, gossip));
        }
        Iroh { senders, _keep: keep }
    }

    async fn publish(&mut self, node: usize, payload: Vec<u8>) {
        self.senders[node].broadcast(Bytes::from(payload)).await.unwrap();
    }
}

fn main() {
    load::main::<Iroh>();
}
