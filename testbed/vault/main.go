// A real Vault for tests: its core, transit engine (at transit/) and AppRole login (at approle/), in memory, unsealed, on
// loopback. Prints one line of JSON with its address and root token, and runs until its standard input ends.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	log "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	logger := log.New(&log.LoggerOptions{Level: log.Error, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		Logger:             logger,
		DisableMlock:       true,
		LogicalBackends:    map[string]logical.Factory{"transit": transit.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory},
		BuiltinRegistry:    plugins{},
	})
	if err != nil {
		return err
	}
	share := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	made, err := core.Initialize(context.Background(), &vault.InitParams{BarrierConfig: share, RecoveryConfig: share})
	if err != nil {
		return err
	}
	if unsealed, err := core.Unseal(vault.TestKeyCopy(made.SecretShares[0])); err != nil || !unsealed {
		return fmt.Errorf("it was not unsealed: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core})
	go func() { _ = http.Serve(listener, handler) }()
	address := "http://" + listener.Addr().String()
	for path, kind := range map[string]string{"mounts/transit": "transit", "auth/approle": "approle"} {
		if err := enable(address+"/v1/sys/"+path, made.RootToken, kind); err != nil {
			return err
		}
	}
	line := map[string]string{"address": address, "token": made.RootToken}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func enable(address, token, kind string) error {
	body, err := json.Marshal(map[string]string{"type": kind})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("X-Vault-Token", token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s answered %s", address, answer.Status)
	}
	return nil
}

// Both are compiled in above; Vault only wants to know that they are its own.
type plugins struct{}

func (plugins) Contains(name string, kind consts.PluginType) bool {
	return (name == "transit" && kind == consts.PluginTypeSecrets) || (name == "approle" && kind == consts.PluginTypeCredential)
}

func (all plugins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	return nil, all.Contains(name, kind)
}

func (plugins) Keys(consts.PluginType) []string { return nil }

func (all plugins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, all.Contains(name, kind)
}
