package contract

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// sdkAnswers is how both SDKs decode the answers for four users of the simulator, as test/node/sdk.mjs and
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

func TestJunctionSDKsWorkAgainstThisAPI(t *testing.T) {
	t.Parallel()
	for language, test := range map[string]struct {
		interpreter func(*testing.T) string
		script      string
	}{
		"Node":   {func(t *testing.T) string { t.Helper(); return harness.Node(t, "@junction-api/sdk") }, "test/node/sdk.mjs"},
		"Python": {harness.Python, "test/python/sdk.py"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			interpreter, server := test.interpreter(t), harness.Serve(t)
			command := exec.CommandContext(t.Context(), interpreter, harness.Path(test.script), server.URL)
			var stderr strings.Builder
			command.Stderr = &stderr
			out, err := command.Output()
			if err != nil {
				t.Fatalf("%v\n%s%s", err, &stderr, server.Stderr())
			}
			if diff := cmp.Diff(harness.Decode[any](t, []byte(sdkAnswers)), harness.Decode[any](t, out)); diff != "" {
				t.Errorf("what the SDK decodes differs (-want +got):\n%s", diff)
			}
		})
	}
}
