package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// folder makes the state folder, and gives what removes it again if it was made here.
func (s *stack) folder() (remove func(), err error) {
	remove = func() {}
	asked := s.settings.Dir
	if asked == "" {
		asked, err = os.MkdirTemp("", "tenantry-testbed-")
	} else if asked, err = filepath.Abs(asked); err == nil {
		var made bool
		if made, err = claim(asked); !made {
			s.settings.Keep = true
		}
	}
	if err != nil {
		return remove, err
	}
	s.settings.Dir = asked
	if !s.settings.Keep {
		remove = func() { _ = os.RemoveAll(asked) }
	}
	// PostgreSQL runs as another user when we are root, and must be able to pass through. The socket's own name is
	// relative, as a whole path may be longer than the 108 bytes that an address has.
	return remove, errors.Join(os.Chmod(asked, 0o755), os.Chdir(asked))
}

// claim makes dir, or takes an empty one, or what an earlier testbed that was killed has left; made says that it is
// ours to remove.
func claim(dir string) (made bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, os.MkdirAll(dir, 0o755)
	}
	if err != nil || len(entries) == 0 {
		return false, err
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
		return false, fmt.Errorf("%s holds something else; name an empty or a new folder", dir)
	}
	if conn, err := dial(dir); err == nil {
		conn.Close()
		return false, fmt.Errorf("a testbed runs in %s already", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return false, err
	}
	return true, os.MkdirAll(dir, 0o755)
}

// dial reaches the testbed that runs in dir.
func dial(dir string) (net.Conn, error) {
	held, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	// By way of the open folder, as the whole path may be too long for an address.
	return net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", held.Fd(), socket))
}

func (s *stack) file(name string) string { return filepath.Join(s.settings.Dir, name) }
