// NATS beside ours: one server in this process and a client for each node, over TCP on loopback in
// clear text. The load and the figures are those of bench/bench_broadcast.c.
//
//	nats NODES PAYLOAD LONE BATCHES SEED
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

const (
	batchSize = 16
	patience  = 30 * time.Second
	settle    = 3 * time.Second
	idleTime  = 2 * time.Second
	pause     = 5 * time.Millisecond
	subject   = "bench"
)

// Messages under way, and what came of them.
type ledger struct {
	sync.Mutex
	first   uint64
	payload int
	sent    []time.Time
	last    []time.Time
	has     []uint64 // a bit for each node
	left    int
	each    []float64
	done    chan struct{}
}

func (l *ledger) take(node int, payload []byte) {
	now := time.Now()
	l.Lock()
	defer l.Unlock()
	if len(payload) != l.payload {
		return
	}
	slot := binary.BigEndian.Uint64(payload) - l.first
	if slot >= uint64(len(l.sent)) || l.has[slot]>>node&1 != 0 {
		return
	}
	l.has[slot] |= 1 << node
	l.last[slot] = now
	l.left--
	l.each = append(l.each, ms(now.Sub(l.sent[slot])))
	if l.left == 0 {
		l.done <- struct{}{}
	}
}

type load struct {
	ledger
	clients []*nats.Conn
	random  uint64
	number  uint64
	bytes   []byte // a payload; its number goes in front
	idle    float64
	empty   float64
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		os.Exit(1)
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// splitmix64
func (l *load) draw() uint64 {
	l.random += 0x9e3779b97f4a7c15
	z := l.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func cpuSeconds() float64 {
	var t unix.Timespec
	die(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t))
	return float64(t.Sec) + float64(t.Nsec)*1e-9
}

// A number in a file of lines: of the line with the key, the word skip after it.
func numberIn(path, key string, skip int) float64 {
	text, err := os.ReadFile(path)
	die(err)
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(strings.TrimSpace(line), key); found {
			value, err := strconv.ParseFloat(strings.Fields(rest)[skip], 64)
			die(err)
			return value
		}
	}
	die(errors.New(path + " has no " + key))
	return 0
}

func rssKB() float64         { return numberIn("/proc/self/status", "VmRSS:", 0) }
func loopbackBytes() float64 { return numberIn("/proc/self/net/dev", "lo:", 8) }

func (l *load) start(nodes int) {
	hub, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true})
	die(err)
	hub.Start()
	if !hub.ReadyForConnections(patience) {
		die(errors.New("the server does not start"))
	}
	for node := range nodes {
		client, err := nats.Connect(hub.ClientURL(), nats.NoEcho())
		die(err)
		_, err = client.Subscribe(subject, func(m *nats.Msg) { l.take(node, m.Data) })
		die(err)
		die(client.Flush())
		l.clients = append(l.clients, client)
	}
}

// Times until the last node had each message, in ms.
func (l *load) sendBatch(author, count int) []float64 {
	l.Lock()
	l.first, l.payload = l.number, len(l.bytes)
	l.sent, l.last, l.has = make([]time.Time, count), make([]time.Time, count), make([]uint64, count)
	l.left = count * (len(l.clients) - 1)
	l.Unlock()
	for i := range count {
		binary.BigEndian.PutUint64(l.bytes, l.number)
		l.number++
		l.Lock()
		l.sent[i] = time.Now()
		l.Unlock()
		die(l.clients[author].Publish(subject, l.bytes))
	}
	select {
	case <-l.done:
	case <-time.After(patience):
	}
	l.Lock()
	defer l.Unlock()
	times := make([]float64, count)
	for i := range times {
		last := l.last[i]
		if bits.OnesCount64(l.has[i]) < len(l.clients)-1 {
			last = time.Now() // counts with the time that was waited for it
		}
		times[i] = ms(last.Sub(l.sent[i]))
	}
	return times
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sort.Float64s(values)
	return values[int(q*float64(len(values)-1)+0.5)]
}

func (l *load) run(mode string, rounds, batch int) {
	l.Lock()
	l.each = nil
	l.Unlock()
	var last []float64
	cpu, bytes, began := cpuSeconds(), loopbackBytes(), time.Now()
	for range rounds {
		author := int(l.draw() % uint64(len(l.clients)))
		last = append(last, l.sendBatch(author, batch)...)
		time.Sleep(pause)
	}
	cpu, bytes = cpuSeconds()-cpu, loopbackBytes()-bytes
	took := time.Since(began).Seconds()
	l.Lock()
	defer l.Unlock()
	n := float64(max(len(l.each), 1))
	die(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "NATS", "version": server.VERSION, "nodes": len(l.clients),
		"payload": len(l.bytes), "mode": mode, "messages": len(last),
		"wanted": len(last) * (len(l.clients) - 1), "delivered": len(l.each),
		"last_p50_ms": quantile(last, 0.5), "last_p99_ms": quantile(last, 0.99),
		"each_p50_ms": quantile(l.each, 0.5), "each_p99_ms": quantile(l.each, 0.99),
		"took_s": took, "cpu_us": cpu * 1e6 / n, "bytes": bytes / n, "idle_cpu_percent": l.idle,
		"rss_kb": (rssKB() - l.empty) / float64(len(l.clients)),
	}))
}

func main() {
	if len(os.Args) != 6 {
		die(errors.New("usage: nats NODES PAYLOAD LONE BATCHES SEED"))
	}
	var args [5]int
	for i, text := range os.Args[1:] {
		value, err := strconv.Atoi(text)
		die(err)
		args[i] = value
	}
	nodes, payload := args[0], args[1]
	if nodes < 2 || nodes > 64 || payload < 8 || payload > 65536 {
		die(errors.New("2 to 64 nodes, payloads of 8 to 65536 bytes"))
	}
	l := &load{random: uint64(args[4]), empty: rssKB()}
	l.done = make(chan struct{}, 1)
	bytes := make([]byte, 65536)
	for i := range bytes {
		bytes[i] = byte(l.draw())
	}
	l.bytes = bytes[:payload]
	l.start(nodes)
	time.Sleep(settle)
	cpu := cpuSeconds()
	time.Sleep(idleTime)
	l.idle = (cpuSeconds() - cpu) * 100 / idleTime.Seconds()
	for i := range 2 * nodes {
		l.sendBatch(i%nodes, 1)
		time.Sleep(pause)
	}
	l.run("lone", args[2], 1)
	l.run("batch", args[3], batchSize)
}
