package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres names Debian's PostgreSQL, and gives the step that makes its files and starts it.
func (s *stack) postgres(port string) (func() error, error) {
	bin, found := newestPostgres()
	if !found || !s.settings.Postgres {
		return nothing, nil
	}
	credential, err := notRoot()
	if err != nil {
		return nil, err
	}
	data, err := s.postgresFolder(credential)
	if err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(filepath.Dir(bin), "initdb"), "-D", data, "-U", "tenantry", "--auth=trust",
		"--no-sync", "--encoding=UTF8", "--locale=C")
	initdb.Dir = data
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	url := "postgres://tenantry@127.0.0.1:" + port + "/postgres"
	s.info.Postgres = &url
	p := s.add(&process{name: "postgres", bin: bin, user: credential, ready: postgresReady(port), limit: time.Minute,
		// Its fast shutdown, which waits for no client.
		stop: syscall.SIGINT,
		args: []string{"-D", data, "-h", "127.0.0.1", "-p", port, "-c", "unix_socket_directories=",
			"-c", "max_connections=200",
			// What a killed server has written, the kernel still has: only a power cut would lose it.
			"-c", "fsync=off", "-c", "full_page_writes=off"}})
	return func() error {
		if out, err := initdb.CombinedOutput(); err != nil {
			return fmt.Errorf("initdb: %w: %s", err, out)
		}
		return s.run(p)
	}, nil
}

// newestPostgres finds the server of the highest major version.
func newestPostgres() (bin string, found bool) {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	newest := 0
	for _, candidate := range all {
		major, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(candidate))))
		if err == nil && major > newest {
			newest, bin = major, candidate
		}
	}
	return bin, newest > 0
}

// postgresFolder makes an empty folder for the server's user: in the state folder, or, where that user cannot get
// there (as in a private temporary folder of root's), beside it all in the folder of temporary files.
func (s *stack) postgresFolder(credential *syscall.Credential) (string, error) {
	data := s.file("postgres")
	if credential != nil && !reachable(s.settings.Dir) {
		outside, err := os.MkdirTemp("", "tenantry-testbed-postgres-")
		if err != nil {
			return "", err
		}
		s.outside = append(s.outside, outside)
		data = outside
	} else if err := os.Mkdir(data, 0o700); err != nil {
		return "", err
	}
	if credential != nil {
		return data, os.Chown(data, int(credential.Uid), int(credential.Gid))
	}
	return data, nil
}

// reachable says whether everybody can pass through dir, which is absolute, and all folders above it.
func reachable(dir string) bool {
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
	}
	return true
}

// notRoot is who runs the server when we are root, which it refuses: its own user, or one without any rights.
func notRoot() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, uidErr := strconv.ParseUint(who.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(who.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// postgresReady opens a connection as a client does, up to the word of the server that it takes questions: while it
// starts or recovers it refuses there.
func postgresReady(port string) func() error {
	const protocol, parameters = "\x00\x03\x00\x00", "user\x00tenantry\x00database\x00postgres\x00\x00"
	hello := "\x00\x00\x00" + string(rune(4+len(protocol)+len(parameters))) + protocol + parameters
	return func() error {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte(hello)); err != nil {
			return err
		}
		answer := make([]byte, 512)
		n, err := conn.Read(answer)
		if err != nil {
			return err
		}
		if answer[0] != 'R' {
			return fmt.Errorf("PostgreSQL refuses: %s", strings.ReplaceAll(string(answer[5:max(5, n)]), "\x00", " "))
		}
		// Its Terminate, so that its log has no broken connection.
		_, err = conn.Write([]byte("X\x00\x00\x00\x04"))
		return err
	}
}
