//! The Rust saorsa-gossip: Plumtree over QUIC (ant-quic), signed by the author (ML-DSA-65). Default
//! settings. Its transport and its pubsub layer as its own tests join them; each node is connected
//! to some of those before it, the same in every run, and all who are connected share the topic.
#[path = "../broadcast/load.rs"]
mod load;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use saorsa_gossip_identity::MlDsaKeyPair;
use saorsa_gossip_pubsub::{PlumtreePubSub, PubSub};
use saorsa_gossip_transport::{
    GossipStreamType, GossipTransport, UdpTransportAdapter, UdpTransportAdapterConfig,
};
use saorsa_gossip_types::TopicId;
use tokio::time::sleep;

const DIALS: usize = 6; // of each node: with those it gets, about twice as many links

type Node = PlumtreePubSub<UdpTransportAdapter>;

struct Saorsa {
    nodes: Vec<Arc<Node>>,
    topic: TopicId,
}

async fn pump(transport: Arc<UdpTransportAdapter>, node: Arc<Node>) {
    while let Ok((sender, stream, data, session)) = transport.receive_message_with_session().await {
        if !matches!(stream, GossipStreamType::PubSub) {
            continue;
        }
        let handled = match session {
            Some(token) => node.handle_authenticated_message(token, data).await,
            None => node.handle_message(sender, data).await,
        };
        if let Err(error) = handled {
            eprintln!("saorsa-rust: {error}");
        }
    }
}

async fn connect(known: Vec<SocketAddr>, key: &MlDsaKeyPair) -> UdpTransportAdapter {
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let wanted = known.len();
    let config = UdpTransportAdapterConfig::new(any, known)
        .with_keypair(key.public_key().to_vec(), key.secret_key().to_vec());
    let transport = UdpTransportAdapter::with_config(config, None).await.unwrap();
    for _ in 0..600 {
        if transport.connected_peer_ids().await.len() >= wanted {
            return transport;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the nodes do not find each other");
}

impl load::System for Saorsa {
    const NAME: &'static str = "saorsa-gossip (Rust)";
    const VERSION: &'static str = "0.5.90";

    async fn start(count: usize, ledger: Arc<load::Ledger>) -> Self {
        let topic = TopicId::new([7; 32]);
        let mut random = load::Random(1);
        let (mut addresses, mut transports, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..count {
            let mut others: Vec<SocketAddr> = addresses.clone();
            let known = (0..DIALS.min(number))
                .map(|_| others.swap_remove(random.draw() as usize % others.len()))
                .collect();
            let key = MlDsaKeyPair::generate().unwrap();
            let transport = Arc::new(connect(known, &key).await);
            let port = transport.node().local_addr().unwrap().port();
            addresses.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
            let node = Arc::new(PlumtreePubSub::new(transport.peer_id(), transport.clone(), key));
            tokio::spawn(pump(transport.clone(), node.clone()));
            let mut messages = node.subscribe_ready(topic).await;
            let (ledger, own) = (ledger.clone(), transport.peer_id());
            tokio::spawn(async move {
                while let Some((author, payload)) = messages.recv().await {
                    if author != own {
                        ledger.take(number, &payload);
                    }
                }
            });
            transports.push(transport);
            nodes.push(node);
        }
        for (transport, node) in transports.iter().zip(&nodes) {
            let peers = transport.connected_peer_ids().await;
            node.initialize_topic_peers(topic, peers).await;
        }
        Saorsa { nodes, topic }
    }

    async fn publish(&mut self, node: usize, payload: Vec<u8>) {
        self.nodes[node].publish(self.topic, Bytes::from(payload)).await.unwrap();
    }
}

fn main() {
    load::main::<Saorsa>();
}
