package stack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// api speaks to the API server as its administrator.
type api struct {
	client *http.Client
	server string
}

// refused is an answer other than success.
type refused struct {
	code int
	text string
}

func (r *refused) Error() string { return r.text }

// answerMax bounds what is read of one answer.
const answerMax = 16 << 20

// call sends body, and reads the answer into the value that into points to, if there is one.
func (a api) call(method, path, body string, into any) error {
	request, err := http.NewRequest(method, a.server+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &refused{response.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, path, response.Status, answer)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
