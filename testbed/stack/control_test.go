package stack

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestTheSocketAnswersOrdersAndQuestions(t *testing.T) {
	s, p := shell(t, "exec sleep 600", func() error { return nil })
	t.Chdir(s.settings.Dir)
	s.info = Info{Dir: s.settings.Dir}
	if err := errors.Join(s.listen(), s.run(p)); err != nil {
		t.Fatal(err)
	}
	if answer, err := ask(s.settings.Dir, "kill shell"); err != nil || answer != "done" {
		t.Errorf("%q, %v", answer, err)
	}
	answer, err := ask(s.settings.Dir, "info")
	var info map[string]any
	if err := errors.Join(err, json.Unmarshal([]byte(answer), &info)); err != nil {
		t.Fatal(err)
	}
	if info["prometheus"] != nil || info["pids"].(map[string]any)["kube-shell"] != 0.0 {
		t.Errorf("got %v", info)
	}
	if _, err := ask(s.settings.Dir, "kill nobody"); err == nil {
		t.Error("an order for nobody was obeyed")
	}
	if _, err := ask(t.TempDir(), "info"); err == nil {
		t.Error("somebody answers where nobody is")
	}
}
