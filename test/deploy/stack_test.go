package deploy

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// deployed is template.yaml on a stand-in of AWS.
type deployed struct {
	*harness.Stack
	endpoint  string
	Outputs   map[string]string
	Resources map[string]string // physical IDs
	Mapping   mapping

	Expected    []string          // the resources of the template that ministack can create
	Environment map[string]string // of the function
	Policies    []any             // of its role
}

// mapping is the deployed event source mapping.
type mapping struct {
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	FunctionResponseTypes          []string
}

// deploy deploys template.yaml with the built function to a ministack of the test's own, with a simulator of Junction, and
// collects what is published.
func deploy(t *testing.T, parameters map[string]string, env []string, options ...junctiontest.Option) *deployed {
	t.Helper()
	d := newStack(t, parameters, env, options...)
	d.Stack = harness.StackAt(t, d.endpoint, d.Outputs["ResultBusName"])
	d.Results = d.CreateQueue(t, "results", nil)
	d.RouteTo(t, "results", `{"source":["junction.refresh"]}`, d.Results)
	return d
}

// newStack deploys template.yaml. Of a parameter that is a secret's ARN, the parameters have the secret's value.
func newStack(t *testing.T, parameters map[string]string, env []string, options ...junctiontest.Option) *deployed {
	t.Helper()
	program, python, bootstrap := harness.Ministack(t), harness.Python(t), harness.Bootstrap(t)
	_, junction := harness.NewSimulator(t, options...)
	home := t.TempDir()
	endpoint, stop, err := harness.StartMinistack(program, home, append(env, "MINISTACK_ACCOUNT_ID="+awstest.AccountID, "AWS_DEFAULT_REGION="+awstest.Region)...)
	if stop != nil {
		t.Cleanup(stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, harness.Path("test/python/stack.py"), harness.Path("template.yaml"),
		bootstrap, endpoint, junction, harness.TeamKey, harness.Arch, text(parameters))
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "AWS_DEFAULT_REGION=" + awstest.Region}
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	d := &deployed{endpoint: endpoint}
	if err := json.Unmarshal(out, d); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return d
}

// invoke calls the function directly.
func (d *deployed) invoke(t *testing.T, event string) []byte {
	t.Helper()
	resp, err := http.Post(d.endpoint+"/2015-03-31/functions/"+d.Outputs["FunctionName"]+"/invocations", "application/json", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "" {
		t.Fatalf("%s %v: %s", resp.Status, err, answer)
	}
	return answer
}

func TestTemplateWorksOnAStandInOfAWS(t *testing.T) {
	t.Parallel()
	const users, connected = 30, 27 // nine of ten generated users are connected
	d := deploy(t, map[string]string{}, nil, junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(users))
	t.Run("queue", func(t *testing.T) { checkQueue(t, d) })
	t.Run("event source mapping", func(t *testing.T) {
		want := mapping{BatchSize: 10, FunctionResponseTypes: []string{"ReportBatchItemFailures"}}
		if diff := cmp.Diff(want, d.Mapping); diff != "" {
			t.Errorf("the mapping differs (-want +got):\n%s", diff)
		}
	})
	user := junctiontest.GeneratedUserID(0)
	t.Run("an event passes the rule, the queue and the mapping", func(t *testing.T) {
		d.putOnDefaultBus(t, `{"user_id":"`+user+`","timeout":5}`)
		if got := d.Published(t, 1)[0]; got.UserID != user || got.Status != "completed" {
			t.Errorf("user %s, status %q", got.UserID, got.Status)
		}
	})
	t.Run("all users pass the function, a page, and the queue twice", func(t *testing.T) {
		answer := harness.Decode[struct{ Summary map[string]int }](t, d.invoke(t, `{"all_users":true,"timeout":5}`))
		if answer.Summary["users"] != users || answer.Summary["pages"] != 1 {
			t.Errorf("the summary is %v", answer.Summary)
		}
		published := map[string]int{}
		for _, got := range d.Published(t, connected) {
			published[got.UserID]++
		}
		if len(published) != connected || published[user] != 1 {
			t.Errorf("results of %d users, want %d: %v", len(published), connected, published)
		}
	})
}

func checkQueue(t *testing.T, d *deployed) {
	t.Helper()
	out, err := d.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(d.Resources["RefreshQueue"]), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"VisibilityTimeout": "540", "SqsManagedSseEnabled": "true"} {
		if got := out.Attributes[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := out.Attributes["RedrivePolicy"]; !strings.Contains(got, "RefreshDeadLetterQueue") {
		t.Errorf("RedrivePolicy is %s", got)
	}
}

// putOnDefaultBus puts a request on the account's default bus, as an app would.
func (d *deployed) putOnDefaultBus(t *testing.T, detail string) {
	t.Helper()
	put, err := d.Events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []bustypes.PutEventsRequestEntry{{
		Source: aws.String("my.app"), DetailType: aws.String("Junction User Refresh Requested"), Detail: &detail,
	}}})
	if err != nil || put.FailedEntryCount != 0 {
		t.Fatalf("%v %+v", err, put)
	}
}
