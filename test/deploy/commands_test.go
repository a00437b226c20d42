package deploy

import (
	"net/http"
	"net/http/httptest"
	"os"
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

func TestSamSyncIsNotRefused(t *testing.T) {
	t.Parallel()
	clone := newDeployment(t)
	clone.run(t, "y\n", "sam", "sync", "--no-watch")
	if got := clone.outputs(t)["FunctionName"]; got == "" {
		t.Error("there is no function")
	}
}
