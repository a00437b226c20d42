package test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// accountID is the AWS account of the stand-in.
const accountID = "123456789012"

// deployed is what template.yaml is on a stand-in of AWS.
type deployed struct {
	*stack
	endpoint  string
	Outputs   map[string]string
	Resources map[string]string // physical IDs
	Mapping   struct {
		BatchSize                      int
		MaximumBatchingWindowInSeconds int
		FunctionResponseTypes          []string
	}
}

// deploy deploys template.yaml with the built function to a stand-in of its own, before a simulator of
// Junction with a team of so many users, nine of ten of them connected.
func deploy(t *testing.T, users int) *deployed {
	t.Helper()
	server, python, function := ministack(t), tool(t, "python", ".tools/venv/bin/python"), bootstrap(t)
	j, err := junctiontest.New(junctiontest.WithKeys(teamKey), junctiontest.WithUsers(), junctiontest.WithGeneratedUsers(users)).Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	address := must(t)(freeAddress())
	d := &deployed{endpoint: "http://" + address}
	home := t.TempDir()
	aws1 := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "AWS_DEFAULT_REGION=" + region}
	p, err := start(append(aws1, "BIND_HOST=127.0.0.1", "MINISTACK_HOST=127.0.0.1", "GATEWAY_PORT="+port(address),
		"MINISTACK_ACCOUNT_ID="+accountID, "AWS_ENDPOINT_URL="+d.endpoint, "LOG_LEVEL=WARNING"), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	if err := p.serving(d.endpoint + "/_ministack/health"); err != nil {
		t.Fatal(err)
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	command := exec.CommandContext(t.Context(), python, "python/stack.py", "../template.yaml", function, d.endpoint, j.URL(), teamKey, arch)
	command.Env = aws1
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	if err := json.Unmarshal(out, d); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	d.stack = stackAt(t, d.endpoint, d.Outputs["ResultBusName"])
	d.stack.results = d.queue(t, "results", nil)
	d.rule(t, "results", `{"source":["junction.refresh"]}`, d.stack.results)
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

func TestTheWholeTemplateWorksOnAStandInOfAWS(t *testing.T) {
	t.Parallel()
	const users = 30
	d := deploy(t, users)
	out, err := d.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(d.Resources["RefreshQueue"]), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := out.Attributes; a["VisibilityTimeout"] != "540" || a["SqsManagedSseEnabled"] != "true" || !strings.Contains(a["RedrivePolicy"], "RefreshDeadLetterQueue") {
		t.Errorf("the queue is %v", a)
	}
	if m := d.Mapping; m.BatchSize != 10 || m.MaximumBatchingWindowInSeconds != 0 || strings.Join(m.FunctionResponseTypes, "") != "ReportBatchItemFailures" {
		t.Errorf("the mapping is %+v", m)
	}
	// By the rule, the queue, and the stand-in's own event source mapping.
	asked := junctiontest.GeneratedUserID(0)
	put, err := d.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []bustypes.PutEventsRequestEntry{{
		Source: aws.String("my.app"), DetailType: aws.String("Junction User Refresh Requested"), Detail: aws.String(`{"user_id":"` + asked + `","timeout":5}`),
	}}})
	if err != nil || put.FailedEntryCount != 0 {
		t.Fatalf("%v %+v", err, put)
	}
	if got := d.published(t, 1)[0]; got.UserID != asked || got.Status != "completed" {
		t.Errorf("%+v", got)
	}
	// By the function, a page, and the queue again.
	answer := decode[struct{ Summary map[string]int }](t, d.invoke(t, `{"all_users":true,"timeout":5}`))
	if answer.Summary["users"] != users || answer.Summary["pages"] != 1 {
		t.Errorf("%+v", answer)
	}
	came := map[string]int{}
	for _, got := range d.published(t, users*9/10) {
		came[got.UserID]++
	}
	if len(came) != users*9/10 || came[asked] != 1 {
		t.Errorf("%d users: %v", len(came), came)
	}
}
