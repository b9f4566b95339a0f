//! The load of bench/bench_broadcast.c for the systems that are measured beside ours: the same
//! senders, payloads, pauses and figures. A peer brings a `System` and calls `main`.
//!
//!     PEER NODES PAYLOAD LONE BATCHES SEED
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

const BATCH: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// The nodes of a system, all in this process, connected and subscribed to one topic.
#[allow(async_fn_in_trait)]
pub trait System: Sized {
    const NAME: &'static str;
    const VERSION: &'static str;
    /// Every node calls `ledger.take(node, payload)` for each message of another one.
    async fn start(nodes: usize, ledger: Arc<Ledger>) -> Self;
    async fn publish(&mut self, node: usize, payload: Vec<u8>);
}

#[derive(Default)]
struct Flight {
    first: u64,
    payload: usize,
    sent: Vec<Instant>,
    last: Vec<Instant>,
    has: Vec<u64>, // a bit for each node
    left: usize,
    each_ms: Vec<f64>,
}

/// Messages under way, and what came of them.
#[derive(Default)]
pub struct Ledger {
    flight: Mutex<Flight>,
    done: Notify,
}

impl Ledger {
    pub fn take(&self, node: usize, payload: &[u8]) {
        let now = Instant::now();
        let mut f = self.flight.lock().unwrap();
        let Some(number) = payload.get(..8) else { return };
        let number = u64::from_be_bytes(number.try_into().unwrap());
        let slot = number.wrapping_sub(f.first) as usize;
        if payload.len() != f.payload || slot >= f.sent.len() || f.has[slot] >> node & 1 != 0 {
            return;
        }
        f.has[slot] |= 1 << node;
        f.last[slot] = now;
        f.left -= 1;
        let ms = (now - f.sent[slot]).as_secs_f64() * 1e3;
        f.each_ms.push(ms);
        if f.left == 0 {
            self.done.notify_one();
        }
    }
}

/// splitmix64
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d049bb133111eb);
        z ^ z >> 31
    }
}

fn cpu_s() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// A number in a file of lines: of the line with `key`, the word `skip` after it.
fn number_in(path: &str, key: &str, skip: usize) -> f64 {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|l| l.trim_start().strip_prefix(key)).unwrap();
    line.split_whitespace().nth(skip).unwrap().parse().unwrap()
}

fn rss_kb() -> f64 {
    number_in("/proc/self/status", "VmRSS:", 0)
}

fn loopback_bytes() -> f64 {
    number_in("/proc/self/net/dev", "lo:", 8)
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n => values[(q * (n - 1) as f64 + 0.5) as usize],
    }
}

struct Load<S> {
    system: S,
    ledger: Arc<Ledger>,
    nodes: usize,
    random: Random,
    number: u64,
    bytes: Vec<u8>, // a payload; its number goes in front
    idle: f64,
    rss_empty: f64,
}

impl<S: System> Load<S> {
    /// Times until the last node had each message, in ms.
    async fn send_batch(&mut self, author: usize, count: usize) -> Vec<f64> {
        {
            let now = Instant::now();
            let mut f = self.ledger.flight.lock().unwrap();
            f.first = self.number;
            f.payload = self.bytes.len();
            f.sent = vec![now; count];
            f.last = vec![now; count];
            f.has = vec![0; count];
            f.left = count * (self.nodes - 1);
        }
        for i in 0..count {
            self.bytes[..8].copy_from_slice(&self.number.to_be_bytes());
            self.number += 1;
            self.ledger.flight.lock().unwrap().sent[i] = Instant::now();
            self.system.publish(author, self.bytes.clone()).await;
        }
        let _ = timeout(PATIENCE, self.ledger.done.notified()).await;
        let f = self.ledger.flight.lock().unwrap();
        let all = self.nodes as u32 - 1;
        // One that did not come everywhere counts with the time that was waited for it.
        let last = |i: usize| if f.has[i].count_ones() == all { f.last[i] } else { Instant::now() };
        (0..count).map(|i| (last(i) - f.sent[i]).as_secs_f64() * 1e3).collect()
    }

    async fn run(&mut self, mode: &str, rounds: usize, batch: usize) {
        self.ledger.flight.lock().unwrap().each_ms = Vec::new();
        let mut last_ms = Vec::new();
        let (cpu, bytes, began) = (cpu_s(), loopback_bytes(), Instant::now());
        for _ in 0..rounds {
            let author = (self.random.draw() % self.nodes as u64) as usize;
            last_ms.append(&mut self.send_batch(author, batch).await);
            sleep(PAUSE).await;
        }
        let (cpu, bytes) = (cpu_s() - cpu, loopback_bytes() - bytes);
        let took = began.elapsed().as_secs_f64();
        let mut each_ms = std::mem::take(&mut self.ledger.flight.lock().unwrap().each_ms);
        let n = each_ms.len().max(1) as f64;
        println!(
            "{{\"system\": \"{}\", \"version\": \"{}\", \"nodes\": {}, \"payload\": {}, \
             \"mode\": \"{}\", \"messages\": {}, \"wanted\": {}, \"delivered\": {}, \
             \"last_p50_ms\": {:.3}, \"last_p99_ms\": {:.3}, \"each_p50_ms\": {:.3}, \
             \"each_p99_ms\": {:.3}, \"took_s\": {:.3}, \"cpu_us\": {:.2}, \"bytes\": {:.1}, \
             \"idle_cpu_percent\": {:.3}, \"rss_kb\": {:.0}}}",
            S::NAME, S::VERSION, self.nodes, self.bytes.len(),
            mode, last_ms.len(), last_ms.len() * (self.nodes - 1), each_ms.len(),
            quantile(&mut last_ms, 0.5), quantile(&mut last_ms, 0.99), quantile(&mut each_ms, 0.5),
            quantile(&mut each_ms, 0.99), took, cpu * 1e6 / n, bytes / n,
            self.idle, (rss_kb() - self.rss_empty) / self.nodes as f64
        );
    }
}

async fn whole<S: System>(args: &[usize], rss_empty: f64) {
    let ledger = Arc::new(Ledger::default());
    let mut random = Random(args[4] as u64);
    let bytes = (0..65536).map(|_| random.draw() as u8).take(65536).collect::<Vec<u8>>();
    let system = S::start(args[0], ledger.clone()).await;
    sleep(SETTLE).await;
    let cpu = cpu_s();
    sleep(IDLE).await;
    let idle = (cpu_s() - cpu) * 100.0 / IDLE.as_secs_f64();
    let bytes = bytes[..args[1]].to_vec();
    let nodes = args[0];
    let mut load = Load { system, ledger, nodes, random, number: 0, bytes, idle, rss_empty };
    for i in 0..2 * nodes {
        load.send_batch(i % nodes, 1).await; // the overlay takes its shape
        sleep(PAUSE).await;
    }
    load.run("lone", args[2], 1).await;
    load.run("batch", args[3], BATCH).await;
}

pub fn main<S: System>() {
    let args: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if args.len() != 5 || args[0] < 2 || args[0] > 64 || args[1] < 8 || args[1] > 65536 {
        eprintln!("usage: {} NODES PAYLOAD LONE BATCHES SEED", S::NAME);
        std::process::exit(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rss_empty = rss_kb();
    runtime.block_on(whole::<S>(&args, rss_empty));
    std::process::exit(0); // nothing that a system does when it ends is measured
}
