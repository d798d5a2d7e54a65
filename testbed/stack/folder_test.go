package stack

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestClaim(t *testing.T) {
	write := func(t *testing.T, dir string, names ...string) {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		made    bool
		refused bool
	}{
		{"a new one", func(t *testing.T, dir string) { _ = os.Remove(dir) }, true, false},
		{"an empty one", func(*testing.T, string) {}, false, false},
		{"somebody else's", func(t *testing.T, dir string) { write(t, dir, "letter") }, false, true},
		{"a dead testbed's", func(t *testing.T, dir string) { write(t, dir, marker, socket, "etcd.log") }, true, false},
		{"a living testbed's", func(t *testing.T, dir string) {
			write(t, dir, marker)
			t.Chdir(dir)
			listener, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
		}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.prepare(t, dir)
			made, err := claim(dir)
			if made != c.made || (err != nil) != c.refused {
				t.Fatalf("made %v, error %v", made, err)
			}
			if entries, _ := os.ReadDir(dir); !c.refused && len(entries) != 0 {
				t.Errorf("left behind: %v", entries)
			}
			if _, err := os.Stat(filepath.Join(dir, "letter")); c.name == "somebody else's" && err != nil {
				t.Error("somebody else's file is gone")
			}
		})
	}
}

func TestReachable(t *testing.T) {
	root, err := os.MkdirTemp("/tmp", "reachable-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	inner := filepath.Join(root, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if reachable(inner) {
		t.Error("said to be reachable through a private folder")
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if !reachable(inner) {
		t.Error("said to be unreachable though all may pass")
	}
}
