package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sdkAnswers is what both SDKs make of the four users of the simulator, as node/sdk.mjs and
// python/sdk.py print it: results as decoded, errors by their class.
const sdkAnswers = `[
	{"says": "partial", "success": true, "user_id": "1449752e-0d8a-40e0-9206-91ab099b2537",
	 "refreshed": ["withings/body", "withings/sleep", "withings/vitals/blood_pressure"], "in_progress": [], "failed": ["oura/sleep"]},
	{"says": "in progress", "success": true, "user_id": "b21c9f0e-6a47-4d83-8e15-90d3c7f2a645",
	 "refreshed": [], "in_progress": ["garmin/activity", "garmin/sleep"], "failed": []},
	{"says": "no sources", "error": "BadRequestError", "status": 400,
	 "success": false, "user_id": "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92", "text": "user has no connected sources"},
	{"says": "no UUID", "error": "UnprocessableEntityError", "status": 422, "loc": ["path", "user_id"], "msg": "user_id is not a UUID"}
]`

func TestJunctionsSDKForNodeWorksWithThisAPIAsItsBaseURL(t *testing.T) {
	t.Parallel()
	tool(t, "Junction's SDK", "test/node/node_modules/@junction-api/sdk/package.json")
	runSDK(t, need(t, "node"), "node/sdk.mjs")
}

func TestJunctionsSDKForPythonWorksWithThisAPIAsItsBaseURL(t *testing.T) {
	t.Parallel()
	runSDK(t, python(t), "python/sdk.py")
}

// runSDK runs a script against `cmd/local serve`.
func runSDK(t *testing.T, interpreter, script string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	server, err := start(os.Environ(), must(t)(buildLocal()), "serve", "127.0.0.1:0", "--addr-file", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	var url string
	err = server.until("wrote its address", func() bool {
		text, err := os.ReadFile(file)
		url = strings.TrimSpace(string(text))
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), interpreter, script, url)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, &stderr, &server.stderr)
	}
	if got, want := decode[any](t, out), decode[any](t, []byte(sdkAnswers)); !reflect.DeepEqual(got, want) {
		pretty, _ := json.MarshalIndent(got, "", "  ")
		t.Errorf("got %s, want %s", pretty, sdkAnswers)
	}
}
