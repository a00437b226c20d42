package contract

import (
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// sdkAnswers is how each SDK decodes the answers for four users of the simulator, as test/node/sdk.mjs and
// test/python/sdk.py print it.
const sdkAnswers = `[
	{"case": "partial", "success": true, "user_id": "1449752e-0d8a-40e0-9206-91ab099b2537",
	 "refreshed": ["withings/body", "withings/sleep", "withings/vitals/blood_pressure"], "in_progress": [], "failed": ["oura/sleep"]},
	{"case": "in progress", "success": true, "user_id": "b21c9f0e-6a47-4d83-8e15-90d3c7f2a645",
	 "refreshed": [], "in_progress": ["garmin/activity", "garmin/sleep"], "failed": []},
	{"case": "no sources", "error": "BadRequestError", "status": 400,
	 "success": false, "user_id": "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92", "text": "user has no connected sources"},
	{"case": "no UUID", "error": "UnprocessableEntityError", "status": 422, "loc": ["path", "user_id"], "msg": "user_id is not a UUID"}
]`

// sdks are Junction's SDKs, the legacy ones too, by package.
var sdks = map[string]struct {
	interpreter func(*testing.T) string
	folder      string // of its scripts
	extension   string
}{
	"@junction-api/sdk":    {nodeSDKs, "test/node", ".mjs"},
	"@tryvital/vital-node": {nodeSDKs, "test/node", ".mjs"},
	"junction":             {pythonSDKs, "test/python", ".py"},
	"vital":                {pythonSDKs, "test/python", ".py"},
}

func nodeSDKs(t *testing.T) string {
	t.Helper()
	return harness.Node(t, "@junction-api/sdk", "@tryvital/vital-node")
}

func pythonSDKs(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"junction", "vital"} {
		harness.Tool(t, name+" for Python", ".tools/venv/lib/python*/site-packages/"+name+"/client.py")
	}
	return harness.Python(t)
}

// runSDK runs a script with an SDK, and returns what it prints.
func runSDK(t *testing.T, name, script string, args ...string) []byte {
	t.Helper()
	sdk := sdks[name]
	path := harness.Path(sdk.folder, script+sdk.extension)
	command := exec.CommandContext(t.Context(), sdk.interpreter(t), append([]string{path, name}, args...)...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return out
}

func TestJunctionSDKsWorkAgainstThisAPI(t *testing.T) {
	t.Parallel()
	for name := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := runSDK(t, name, "sdk", harness.Serve(t).URL)
			if diff := cmp.Diff(harness.Decode[any](t, []byte(sdkAnswers)), harness.Decode[any](t, out)); diff != "" {
				t.Errorf("what the SDK decodes differs (-want +got):\n%s", diff)
			}
		})
	}
}

// An SDK retries twice by itself, and the function would make three calls of each of its requests.
func TestJunctionSDKsDoNotSpendTheQuotaWithTheirRetries(t *testing.T) {
	t.Parallel()
	for name := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithCallers(), harness.WithSimulator())
			url := f.Serve(t)
			for status, want := range map[int]struct{ status, calls int }{
				http.StatusServiceUnavailable: {http.StatusServiceUnavailable, 3},
				http.StatusUnauthorized:       {http.StatusFailedDependency, 1}, // Junction refuses our key
				http.StatusOK:                 {http.StatusOK, 1},
			} {
				t.Run(http.StatusText(status), func(t *testing.T) {
					f.Simulator.ClearFaults()
					if status != http.StatusOK {
						f.Simulator.InjectFor(junctiontest.CompletedUserID, junctiontest.Always, junctiontest.Status(status))
					}
					before := f.Simulator.Calls(junctiontest.CompletedUserID)
					got := string(runSDK(t, name, "sdk_defaults", url, harness.Token, junctiontest.CompletedUserID))
					if got != strconv.Itoa(want.status)+"\n" {
						t.Errorf("the SDK ends with %q, want %d", got, want.status)
					}
					if calls := f.Simulator.Calls(junctiontest.CompletedUserID) - before; calls != want.calls {
						t.Errorf("Junction was called %d times, want %d", calls, want.calls)
					}
				})
			}
		})
	}
}
