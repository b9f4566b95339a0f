//! GossipSub of rust-libp2p: signed by the author (Ed25519, strict), over TCP, Noise and Yamux.
//! Default settings, but for the size of messages. It has no discovery of its own: each node dials
//! some of those before it, the same in every run.
#[path = "../broadcast/load.rs"]
mod load;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const DIALS: usize = 6; // of each node: with those it gets, about twice as many links

struct Gossipsub {
    publish: Vec<UnboundedSender<Vec<u8>>>,
}

type Node = Swarm<gossipsub::Behaviour>;

fn new_node() -> Node {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            let config = gossipsub::ConfigBuilder::default()
                .max_transmit_size(1 << 18)
                .build()
                .unwrap();
            gossipsub::Behaviour::new(MessageAuthenticity::Signed(key.clone()), config).unwrap()
        })
        .unwrap()
        .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build()
}

async fn listen(node: &mut Node) -> Multiaddr {
    node.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = node.select_next_some().await {
            return address;
        }
    }
}

async fn serve(
    mut node: Node,
    number: usize,
    topic: IdentTopic,
    ledger: Arc<load::Ledger>,
    mut publish: UnboundedReceiver<Vec<u8>>,
) {
    loop {
        tokio::select! {
            payload = publish.recv() => {
                let Some(payload) = payload else { return };
                node.behaviour_mut().publish(topic.clone(), payload).unwrap();
            }
            event = node.select_next_some() => {
                if let SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) = event {
                    ledger.take(number, &message.data);
                }
            }
        }
    }
}

impl load::System for Gossipsub {
    const NAME: &'static str = "gossipsub";
    const VERSION: &'static str = "rust-libp2p 0.57.1";

    async fn start(nodes: usize, ledger: Arc<load::Ledger>) -> Self {
        let topic = IdentTopic::new("bench");
        let mut random = load::Random(1);
        let mut addresses: Vec<Multiaddr> = Vec::new();
        let mut publish = Vec::new();
        for number in 0..nodes {
            let mut node = new_node();
            node.behaviour_mut().subscribe(&topic).unwrap();
            let address = listen(&mut node).await;
            let mut others = addresses.clone();
            for _ in 0..DIALS.min(number) {
                let other = random.draw() as usize % others.len();
                node.dial(others.swap_remove(other)).unwrap();
            }
            addresses.push(address);
            let (sender, receiver) = unbounded_channel();
            publish.push(sender);
            tokio::spawn(serve(node, number, topic.clone(), ledger.clone(), receiver));
        }
        Gossipsub { publish }
    }

    async fn publish(&mut self, node: usize, payload: Vec<u8>) {
        self.publish[node].send(payload).unwrap();
    }
}

fn main() {
    load::main::<Gossipsub>();
}
