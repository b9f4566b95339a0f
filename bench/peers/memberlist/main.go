// What hashicorp/memberlist does on this machine: the neighbour that bench/membership.py measures
// beside us. N agents in one process on loopback with the LAN defaults, in clear text as they
// come: convergence, idle CPU and memory, false positives, then detection of agents that are shut
// down without a leave. One JSON object on stdout. No part of the product or its tests.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

const patience = 120 * time.Second

type options struct {
	agents, kills, settle, idle, burners, burn int
	seed                                       int64
	lone                                       bool
	loneJoin                                   string
}

type result struct {
	Peer           string    `json:"peer"`
	Version        string    `json:"version"`
	Go             string    `json:"go"`
	Nodes          int       `json:"nodes"`
	CreateMs       float64   `json:"create_ms"`
	ConvergeMs     float64   `json:"converge_ms"`
	JoinCPUS       float64   `json:"join_cpu_s"`
	IdleS          float64   `json:"idle_s"`
	IdleCPU        float64   `json:"idle_cpu_percent"`
	IdleFalse      int       `json:"idle_false_positives"`
	BurnS          float64   `json:"burn_s"`
	Burners        int       `json:"burners"`
	BurnFalse      int       `json:"burn_false_positives"`
	RssKB          int       `json:"rss_kb"`
	HeapKB         int       `json:"heap_kb"`
	Lone           *lone     `json:"lone,omitempty"`
	FirstMs        []float64 `json:"first_ms"`
	FullMs         []float64 `json:"full_ms"`
	Missed         int       `json:"missed"` // pairs of survivor and victim not seen in time
	FalseInAll     int       `json:"false_positives"`
	LoadBefore     string    `json:"load_before"`
	LoadAfter      string    `json:"load_after"`
	DetectTimeoutS float64   `json:"detect_timeout_s"`
}

// One agent in a process of its own, in the cluster of the others.
type lone struct {
	RssKB  int     `json:"rss_kb"`
	PssKB  int     `json:"pss_kb"`
	HeapKB int     `json:"heap_kb"`
	CPU    float64 `json:"idle_cpu_percent"`
	IdleS  float64 `json:"idle_s"`
}

// What all agents report: who sees whom, and who was given up when.
type board struct {
	sync.Mutex
	dead   map[string]time.Time // victims and the time of their death
	sees   map[string]map[string]bool
	gone   map[string]map[string]time.Time // victim -> survivor -> when
	wrong  int                             // living ones that were given up
	change *sync.Cond
}

func newBoard() *board {
	b := &board{dead: map[string]time.Time{}, sees: map[string]map[string]bool{},
		gone: map[string]map[string]time.Time{}}
	b.change = sync.NewCond(b)
	return b
}

type watcher struct {
	board *board
	name  string
}

func (w watcher) NotifyUpdate(*memberlist.Node) {}

func (w watcher) NotifyJoin(n *memberlist.Node) {
	w.board.Lock()
	defer w.board.Unlock()
	if n.Name != w.name && strings.HasPrefix(n.Name, "agent") {
		w.board.sees[w.name][n.Name] = true
		w.board.change.Broadcast()
	}
}

func (w watcher) NotifyLeave(n *memberlist.Node) {
	now := time.Now()
	b := w.board
	b.Lock()
	defer b.Unlock()
	if !strings.HasPrefix(n.Name, "agent") {
		return
	}
	delete(b.sees[w.name], n.Name)
	if _, mine := b.dead[w.name]; mine {
		return // the word of a dead agent
	}
	if _, ok := b.dead[n.Name]; !ok {
		b.wrong++
		return
	}
	if b.gone[n.Name] == nil {
		b.gone[n.Name] = map[string]time.Time{}
	}
	if _, ok := b.gone[n.Name][w.name]; !ok {
		b.gone[n.Name][w.name] = now
	}
	b.change.Broadcast()
}

// until waits for a condition on the board; false after the time.
func (b *board) until(limit time.Duration, done func() bool) bool {
	end := time.Now().Add(limit)
	timer := time.AfterFunc(limit, func() { b.change.Broadcast() })
	defer timer.Stop()
	b.Lock()
	defer b.Unlock()
	for !done() {
		if time.Now().After(end) {
			return false
		}
		b.change.Wait()
	}
	return true
}

func (b *board) wrongSoFar() int {
	b.Lock()
	defer b.Unlock()
	return b.wrong
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "memberlist:", err)
		os.Exit(1)
	}
}

func create(name string, events memberlist.EventDelegate) *memberlist.Memberlist {
	config := memberlist.DefaultLANConfig()
	config.Name = name
	config.BindAddr = "127.0.0.1"
	config.BindPort = 0
	config.AdvertiseAddr = "127.0.0.1"
	config.AdvertisePort = 0
	config.Events = events
	config.LogOutput = io.Discard
	list, err := memberlist.Create(config)
	die(err)
	return list
}

func address(list *memberlist.Memberlist) string {
	n := list.LocalNode()
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

func cpuSeconds() float64 {
	var use syscall.Rusage
	die(syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return float64(use.Utime.Sec+use.Stime.Sec) + float64(use.Utime.Usec+use.Stime.Usec)*1e-6
}

// KB of a line such as "VmRSS:   123 kB".
func kbOf(file, field string) int {
	text, err := os.ReadFile(file)
	die(err)
	for _, line := range strings.Split(string(text), "\n") {
		parts := strings.Fields(line)
		if len(parts) >= 2 && parts[0] == field {
			kb, _ := strconv.Atoi(parts[1])
			return kb
		}
	}
	return 0
}

func heapKB() int {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapInuse / 1024)
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// idleFor measures this process for a while: percent of one core, and the seconds it took.
func idleFor(seconds int) (float64, float64) {
	begin, cpu := time.Now(), cpuSeconds()
	time.Sleep(time.Duration(seconds) * time.Second)
	took := time.Since(begin).Seconds()
	return 100 * (cpuSeconds() - cpu) / took, took
}

// runLone is the process of the single agent; it answers when it has been idle.
func runLone(seed string, seconds int) {
	list := create("single", nil)
	_, err := list.Join([]string{seed})
	die(err)
	time.Sleep(5 * time.Second)
	cpu, took := idleFor(seconds)
	out := lone{RssKB: kbOf("/proc/self/status", "VmRSS:"),
		PssKB: kbOf("/proc/self/smaps_rollup", "Pss:"), HeapKB: heapKB(), CPU: cpu, IdleS: took}
	die(json.NewEncoder(os.Stdout).Encode(out))
	_ = list.Leave(2 * time.Second)
	_ = list.Shutdown()
}

func measureLone(seed string, seconds int) *lone {
	self, err := os.Executable()
	die(err)
	child := exec.Command(self, "-lone-join", seed, "-idle", strconv.Itoa(seconds))
	child.Stderr = os.Stderr
	text, err := child.Output()
	die(err)
	out := new(lone)
	die(json.Unmarshal(text, out))
	return out
}

// burnWhile keeps processors busy from outside for some seconds.
func burnWhile(count, seconds int) {
	self, err := os.Executable()
	die(err)
	var burners []*exec.Cmd
	for i := 0; i < count; i++ {
		c := exec.Command(self, "-burners", "-1")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		die(c.Start())
		burners = append(burners, c)
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	for _, c := range burners {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

func kill(b *board, lists []*memberlist.Memberlist, victim int, out *result) {
	name := fmt.Sprintf("agent%d", victim)
	begin := time.Now()
	b.Lock()
	b.dead[name] = begin
	survivors := len(lists) - len(b.dead)
	b.Unlock()
	die(lists[victim].Shutdown())
	b.until(patience, func() bool { return len(b.gone[name]) >= survivors })
	b.Lock()
	defer b.Unlock()
	out.Missed += survivors - len(b.gone[name])
	if len(b.gone[name]) == 0 {
		return
	}
	first, full := patience, time.Duration(0)
	for _, at := range b.gone[name] {
		first, full = min(first, at.Sub(begin)), max(full, at.Sub(begin))
	}
	out.FirstMs = append(out.FirstMs, ms(first))
	if len(b.gone[name]) == survivors {
		out.FullMs = append(out.FullMs, ms(full))
	}
}

func run(opt options) result {
	out := result{Peer: "memberlist", Go: runtime.Version(), Nodes: opt.agents,
		LoadBefore: load(), DetectTimeoutS: patience.Seconds(), FirstMs: []float64{},
		FullMs: []float64{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if strings.HasSuffix(dep.Path, "/memberlist") {
				out.Version = dep.Version
			}
		}
	}
	b := newBoard()
	random := rand.New(rand.NewSource(opt.seed))
	begin := time.Now()
	var lists []*memberlist.Memberlist
	for i := 0; i < opt.agents; i++ {
		name := fmt.Sprintf("agent%d", i)
		b.Lock()
		b.sees[name] = map[string]bool{}
		b.Unlock()
		lists = append(lists, create(name, watcher{b, name}))
	}
	out.CreateMs = ms(time.Since(begin))
	seed := address(lists[0])
	begin = time.Now()
	for _, list := range lists[1:] {
		go func() {
			_, err := list.Join([]string{seed})
			die(err)
		}()
	}
	all := b.until(patience, func() bool {
		for _, sees := range b.sees {
			if len(sees) < opt.agents-1 {
				return false
			}
		}
		return true
	})
	if !all {
		die(fmt.Errorf("%d agents did not converge", opt.agents))
	}
	out.ConvergeMs = ms(time.Since(begin))

	out.JoinCPUS = cpuSeconds()
	time.Sleep(time.Duration(opt.settle) * time.Second)
	wrong := b.wrongSoFar()
	out.IdleCPU, out.IdleS = idleFor(opt.idle)
	out.IdleFalse = b.wrongSoFar() - wrong
	out.RssKB, out.HeapKB = kbOf("/proc/self/status", "VmRSS:"), heapKB()
	if opt.lone {
		out.Lone = measureLone(seed, 20)
	}
	if opt.burners > 0 {
		wrong = b.wrongSoFar()
		burnWhile(opt.burners, opt.burn)
		out.Burners, out.BurnS = opt.burners, float64(opt.burn)
		out.BurnFalse = b.wrongSoFar() - wrong
	}
	for k := 0; k < opt.kills; k++ {
		time.Sleep(3*time.Second + time.Duration(random.Intn(1000))*time.Millisecond)
		kill(b, lists, 1+(k*17)%(opt.agents-1), &out)
	}
	out.FalseInAll = b.wrongSoFar()
	out.LoadAfter = load()
	return out
}

func main() {
	var opt options
	flag.IntVar(&opt.agents, "nodes", 32, "agents")
	flag.IntVar(&opt.kills, "kills", 5, "agents to kill, one after another")
	flag.IntVar(&opt.settle, "settle", 5, "seconds between convergence and idling")
	flag.IntVar(&opt.idle, "idle", 60, "seconds of idling")
	flag.IntVar(&opt.burners, "burners", 0, "busy processes")
	flag.IntVar(&opt.burn, "burn", 30, "seconds that they are busy")
	flag.Int64Var(&opt.seed, "seed", 1, "of the moments of the kills")
	flag.BoolVar(&opt.lone, "lone", true, "also measure one agent in a process of its own")
	flag.StringVar(&opt.loneJoin, "lone-join", "", "be that process")
	flag.Parse()
	switch {
	case opt.burners < 0:
		for {
		}
	case opt.loneJoin != "":
		runLone(opt.loneJoin, opt.idle)
	case opt.agents < 2 || opt.kills > opt.agents-2:
		die(fmt.Errorf("needs 2 agents more than kills"))
	default:
		die(json.NewEncoder(os.Stdout).Encode(run(opt)))
	}
}
