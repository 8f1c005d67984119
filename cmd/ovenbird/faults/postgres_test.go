//go:build linux && amd64

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ovenbird/internal/database/databasetest"
)

// team is a world in which several processes share a PostgreSQL database.
type team struct {
	*world

	size    int
	cluster *databasetest.Cluster
	faults  map[string]int // how often each was injected
}

// newTeam starts a PostgreSQL of its own, to be broken, and processes on it.
func newTeam(t *testing.T, random *rand.Rand, size int) *team {
	t.Helper()
	cluster, err := databasetest.Start(t.Context(), databasetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	address, err := cluster.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := &team{world: newWorld(t, random, address), size: size, cluster: cluster, faults: map[string]int{}}
	m.complete()
	m.startEdge()
	return m
}

// complete starts processes until there are as many as there should be, and all
// serve. One that ended because the database was away is started again, as
// whatever looks after processes would do.
func (m *team) complete() {
	m.t.Helper()
	for {
		for len(m.ups) < m.size {
			m.startUp()
		}
		if i := m.gone(); i >= 0 {
			m.killUp(i)
			continue
		}
		return
	}
}

// gone waits until all processes serve, and returns one that ended before it did, or -1.
func (m *team) gone() int {
	m.t.Helper()
	for i, p := range m.ups {
		select {
		case <-p.ready:
		case <-p.ended:
			return i
		case <-time.After(patience):
			m.t.Fatalf("%v does not get ready:\n%s", p.cmd.Args, p.said())
		}
	}
	return -1
}

// alive holds those that served against what is there: they do not end because
// the database was away.
func (m *team) alive() {
	m.t.Helper()
	for _, p := range m.ups {
		served, _ := p.addresses()
		select {
		case <-p.ended:
			if served != "" {
				m.t.Errorf("a process that served has ended: %v\n%s", p.cmd.ProcessState, p.said())
			}
		default:
		}
	}
}

// fault is one way to hurt a team.
type fault struct {
	name string
	do   func(m *team)
}

func faults() []fault {
	return []fault{
		{name: "the one that leads is killed", do: func(m *team) { m.killUp(0) }},
		{name: "PostgreSQL crashes in recovery", do: func(m *team) {
			m.killUp(0)
			m.startUp()
			upTo(m.random, 300*time.Millisecond)
			m.crash()
		}},
		{name: "PostgreSQL crashes", do: (*team).crash},
		{name: "connections are cut", do: func(m *team) { m.cut(500 * time.Millisecond) }},
		{name: "PostgreSQL is out of reach", do: (*team).partition},
		{name: "another is killed", do: func(m *team) { m.killUp(len(m.ups) - 1) }},
		{name: "all are killed", do: func(m *team) {
			for len(m.ups) > 0 {
				m.killUp(0)
			}
		}},
		{name: "the one that leads stands still", do: (*team).freeze},
	}
}

func (m *team) crash() {
	m.t.Helper()
	if err := m.cluster.Crash(); err != nil {
		m.t.Fatal(err)
	}
}

// cut ends connections again and again, in the middle of whatever they do.
func (m *team) cut(length time.Duration) {
	m.t.Helper()
	conn, err := pgx.Connect(m.t.Context(), m.url)
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(m.t.Context())) //nolint:errcheck // nothing was written
	for end := time.Now().Add(length); time.Now().Before(end); {
		const others = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`
		if _, err := conn.Exec(m.t.Context(), others); err != nil {
			m.t.Fatal(err)
		}
		upTo(m.random, 50*time.Millisecond)
	}
}

// partition takes the server's socket away for a while, and the connections there are.
func (m *team) partition() {
	m.t.Helper()
	address, err := url.Parse(m.url)
	if err != nil {
		m.t.Fatal(err)
	}
	conn, err := pgx.Connect(m.t.Context(), m.url)
	if err != nil {
		m.t.Fatal(err)
	}
	socket := filepath.Join(address.Query().Get("host"), ".s.PGSQL.5432")
	if err := os.Rename(socket, socket+".away"); err != nil {
		m.t.Fatal(err)
	}
	_, err = conn.Exec(m.t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
	_ = conn.Close(m.t.Context())
	upTo(m.random, 2*time.Second)
	if back := os.Rename(socket+".away", socket); err != nil || back != nil {
		m.t.Fatal(err, back)
	}
}

// freeze stops the one that leads for longer than its lease, and lets it go on
// when others have taken over.
func (m *team) freeze() {
	m.t.Helper()
	p := m.ups[0].cmd.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		m.t.Fatal(err)
	}
	<-time.After(7 * time.Second)
	if err := p.Signal(syscall.SIGCONT); err != nil {
		m.t.Fatal(err)
	}
}

// Two and three processes on one PostgreSQL lose nothing and serve nothing wrong,
// whichever of them is killed or stands still, and whatever becomes of the server.
func TestPostgreSQLFaults(t *testing.T) {
	t.Parallel()
	sizes := []int{2}
	if soak() > 0 {
		sizes = append(sizes, 3)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%d processes", size), func(t *testing.T) {
			t.Parallel()
			seed, random := draw(t)
			m := newTeam(t, random, size)
			leave := m.populate()
			defer leave()
			list := faults()
			for n := range kills(2) {
				f := list[n%len(list)]
				if n >= len(list) {
					f = list[random.IntN(len(list))]
				}
				upTo(random, time.Second)
				f.do(m)
				m.faults[f.name]++
				m.alive()
				m.complete()
				m.settled()
				if t.Failed() {
					t.Logf("after: %s; %v", f.name, m.faults)
					return
				}
			}
			leave()
			m.remembered()
			t.Logf("seed %d: faults %v; %s", seed, m.faults, m.summary())
		})
	}
}
