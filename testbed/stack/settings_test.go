package stack

import (
	"bytes"
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		args                 []string
		refused              bool
		prometheus, postgres bool
		delayMax             time.Duration
	}{
		{args: nil, prometheus: true, postgres: true, delayMax: 3 * time.Second},
		{args: []string{"--no-prometheus", "--postgres=false"}, delayMax: 3 * time.Second},
		{args: []string{"--startup-delay=4s", "--startup-delay-max=2s"}, prometheus: true, postgres: true, delayMax: 4 * time.Second},
		{args: []string{"--startup-delay-max=5s", "--no-postgres"}, prometheus: true, delayMax: 5 * time.Second},
		{args: []string{"--nodes=0"}, refused: true},
		{args: []string{"stray"}, refused: true},
	} {
		got, err := parse("up", append([]string{"--kwok=k"}, c.args...))
		if (err != nil) != c.refused {
			t.Errorf("%v: %v", c.args, err)
		}
		if c.refused {
			continue
		}
		if got.Prometheus != c.prometheus || got.Postgres != c.postgres || got.StartupDelayMax != c.delayMax {
			t.Errorf("%v: %+v", c.args, got)
		}
	}
}

func TestKwokConfigHasTheDelaysAndKeepsKwoksOwnBraces(t *testing.T) {
	config, err := kwokConfig(1500*time.Millisecond, 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"durationMilliseconds: 1500\n", "jitterDurationMilliseconds: 4000\n", "{{ $now := Now }}"} {
		if !bytes.Contains(config, []byte(part)) {
			t.Errorf("no %q", part)
		}
	}
	if bytes.Contains(config, []byte("<<")) {
		t.Error("a mark was left unfilled")
	}
}
