package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestLeafIsTrustedByItsOwnAuthorityOnly(t *testing.T) {
	dir := t.TempDir()
	ours, err := NewCA(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewCA(dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ours.Leaf("admin", "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "admin.crt"), filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if leaf.Subject.CommonName != "admin" || leaf.Subject.Organization[0] != "system:masters" {
		t.Errorf("made out to %s", leaf.Subject)
	}
	for authority, trusted := range map[*CA]bool{ours: true, other: false} {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(authority.PEM)
		for _, name := range []string{"127.0.0.1", "localhost", ""} {
			_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool})
			if (err == nil) != trusted {
				t.Errorf("as %q, trusted should be %v: %v", name, trusted, err)
			}
		}
	}
	for _, key := range []string{"ca.key", "admin.key"} {
		info, err := os.Stat(filepath.Join(dir, key))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", key, info.Mode(), err)
		}
	}
}
