package deploy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithIamTheCurlCommandSignsWithTheCallersCredentials runs the command of the output, as a shell would after a paste.
func TestWithIamTheCurlCommandSignsWithTheCallersCredentials(t *testing.T) {
	program(t, "aws")
	program(t, "curl")
	branches := readTemplate(t, "template.yaml").Source.Outputs["CurlCommand"].Value.(map[string]any)["Fn::If"].([]any)
	command := branches[1].(map[string]any)["Fn::Sub"].(string)
	requests := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r.Header }))
	defer server.Close()
	command = strings.NewReplacer("https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}", server.URL, "${AWS::Region}", region).Replace(command)
	for _, token := range []string{"", "a-session-token"} {
		t.Run("with the session token "+token, func(t *testing.T) {
			clone := &repoClone{dir: t.TempDir(), env: []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=a-secret-key", "AWS_SESSION_TOKEN=" + token,
			}}
			clone.run(t, "", "sh", "-c", command)
			header := <-requests
			if got := header.Get("X-Amz-Security-Token"); got != token {
				t.Errorf("the session token is %q", got)
			}
			signed := header.Get("Authorization")
			if !strings.HasPrefix(signed, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(signed, "/"+region+"/execute-api/aws4_request") ||
				strings.Contains(signed, "x-amz-security-token") != (token != "") {
				t.Errorf("Authorization is %q", signed)
			}
		})
	}
}

func TestTheCanarySucceedsOnlyIfTheUserIsRefreshed(t *testing.T) {
	program(t, "curl")
	const api = "HttpApiUrl NONE None AWS_IAM"
	for _, c := range []struct {
		name, outputs string
		status        int
		body          string
		prints        string
		exit          int
		authorization string // the beginning of the header
	}{
		{"completed", api, 200, `{"success":true,"status":"completed"}`, "HTTP 200 completed\n", 0, ""},
		{"in progress", api, 202, `{"success":true,"status":"in_progress"}`, "HTTP 202 in_progress\n", 0, ""},
		{"queued instead", api, 202, `{"success":false,"status":"failed"}`, "HTTP 202 failed\n", 1, ""},
		{"rate limited", api, 429, `{"success":false,"status":"failed","error_code":"rate_limited"}`, "HTTP 429 failed\n", 1, ""},
		{"a wrong token", api, 401, `{"success":false,"status":"failed","error_code":"unauthenticated"}`, "HTTP 401 failed\n", 1, ""},
		{"a success that is none", api, 500, `{"success":true,"status":"completed"}`, "HTTP 500 completed\n", 1, ""},
		{"another program's page", api, 200, "<html>\n<title>200</title>", "HTTP 200 \n", 1, ""},
		{"signed", "HttpApiUrl AWS_IAM None AWS_IAM", 200, `{"success":true,"status":"completed"}`, "HTTP 200 completed\n", 0, "/eu-west-1/execute-api/aws4_request"},
		{"a signed function URL", "None NONE FunctionUrl/ AWS_IAM", 200, `{"success":true,"status":"completed"}`, "HTTP 200 completed\n", 0, "/eu-west-1/lambda/aws4_request"},
		{"a public function URL", "None NONE FunctionUrl/ NONE", 200, `{"success":true,"status":"completed"}`, "HTTP 200 completed\n", 0, ""},
		{"no URL", "None NONE None AWS_IAM", 200, "", "", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests := make(chan *http.Request, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests <- r
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			bin := t.TempDir()
			described := strings.NewReplacer("HttpApiUrl", server.URL, "FunctionUrl", server.URL).Replace(c.outputs)
			aws := `#!/bin/sh
case $1 in
cloudformation) echo 'arn:aws:cloudformation:eu-west-1:123456789012:stack/s/1 ` + described + ` arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-a1b2c3' ;;
secretsmanager) echo '{"api_key": "sk_eu_x", "tokens": ["the-token"]}' ;;
configure) printf 'export AWS_ACCESS_KEY_ID=AKIDEXAMPLE\nexport AWS_SECRET_ACCESS_KEY=a-secret-key\nexport AWS_SESSION_TOKEN=a-session-token\n' ;;
esac
`
			if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(aws), 0o755); err != nil {
				t.Fatal(err)
			}
			clone := &repoClone{dir: root, env: []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir()}}
			stdout, stderr, err := clone.try(t, "", "deploy/canary.sh", "s", "1449752e-0d8a-40e0-9206-91ab099b2537")
			exit := 0
			var failed *exec.ExitError
			if errors.As(err, &failed) {
				exit = failed.ExitCode()
			}
			if stdout != c.prints || exit != c.exit {
				t.Errorf("exit %d: %s%s", exit, stdout, stderr)
			}
			if c.exit == 2 {
				return
			}
			r := <-requests
			token := r.Header.Get("x-vital-api-key")
			signed := strings.Contains(r.Header.Get("Authorization"), c.authorization) && r.Header.Get("x-amz-security-token") == "a-session-token"
			if (token == "the-token") != (c.authorization == "") || signed != (c.authorization != "") {
				t.Errorf("the caller is identified by %v", r.Header)
			}
			if r.Method != http.MethodPost || r.URL.String() != "/v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537?max_age=0&timeout=20" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
		})
	}
}

func TestSamSyncIsNotRefused(t *testing.T) {
	t.Parallel()
	clone := newDeployment(t)
	clone.run(t, "y\n", "sam", "sync", "--no-watch")
	if got := clone.outputs(t)["FunctionName"]; got == "" {
		t.Error("there is no function")
	}
}
