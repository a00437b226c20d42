package deploy

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// appEndpoint is an app's own endpoint for results, behind HTTPS.
type appEndpoint struct {
	*httptest.Server
	certificate string // a file

	mu       sync.Mutex
	received []delivery
}

// delivery is what the endpoint received.
type delivery struct {
	method, path, key, contentType string
	body                           []byte
}

func newAppEndpoint(t *testing.T) *appEndpoint {
	t.Helper()
	e := &appEndpoint{certificate: filepath.Join(t.TempDir(), "certificate.pem")}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		if slices.ContainsFunc(e.received, func(d delivery) bool { return about(t, d.body) == about(t, body) }) {
			return
		}
		e.received = append(e.received, delivery{r.Method, r.URL.Path, r.Header.Get("x-api-key"), r.Header.Get("Content-Type"), body})
	}))
	t.Cleanup(e.Close)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	if err := os.WriteFile(e.certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

// next waits for deliveries of n different events, and forgets them. EventBridge may deliver an event twice, and an event whose
// PutEvents took too long is on the bus twice, with two IDs.
func (e *appEndpoint) next(t *testing.T, n int) []delivery {
	t.Helper()
	harness.Eventually(t, 20*time.Second, "the endpoint received the events", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.received) >= n
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	received := e.received
	e.received = nil
	if len(received) != n {
		t.Errorf("the endpoint received %d events, want %d", len(received), n)
	}
	return received
}

// busEvent is an event on the result bus.
type busEvent struct {
	DetailType string `json:"detail-type"`
	Detail     struct {
		UserID string `json:"user_id"`
		Status string
		Final  bool
	}
}

// about says what an event is about: two with the same ID, or with two, are the same.
func about(t *testing.T, body []byte) string {
	t.Helper()
	event := harness.Decode[busEvent](t, body)
	return strings.TrimPrefix(event.DetailType, "Junction ") + " " + event.Detail.UserID + " " + event.Detail.Status
}

const (
	webhookKey = "the-key-of-the-endpoint"
	slowUserID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
)

// TestTheResultWebhookReceivesFinalResultsAndConnectionErrors lets the built function publish every kind of event. The
// rule of the template, as ministack matches it, must pass on exactly those that the documentation promises.
func TestTheResultWebhookReceivesFinalResultsAndConnectionErrors(t *testing.T) {
	t.Parallel()
	endpoint := newAppEndpoint(t)
	d := deploy(t, map[string]string{
		"ResultWebhookUrl": endpoint.URL + "/results", "ResultWebhookSecretArn": webhookKey, "FollowUp": "2s,2s,2s", "CallerAuth": "none",
	}, []string{"SSL_CERT_FILE=" + endpoint.certificate}, junctiontest.WithUsers(
		junctiontest.User{ID: junctiontest.CompletedUserID, Sources: []junctiontest.Source{{Name: "oura/sleep"}}},
		junctiontest.User{ID: junctiontest.DefaultUserID, Broken: map[string]string{"oura": "token_refresh_failed"}, Sources: []junctiontest.Source{{Name: "oura/sleep"}, {Name: "withings/body"}}},
		junctiontest.User{ID: slowUserID, Sources: []junctiontest.Source{{Name: "withings/body", Takes: 6 * time.Second}}},
	))
	for _, user := range []string{junctiontest.CompletedUserID, junctiontest.DefaultUserID, slowUserID, "00000000-0000-4000-8000-000000000000"} {
		d.invoke(t, `{"user_id":"`+user+`","timeout":5}`)
	}
	d.invoke(t, harness.ReadFile(t, "events/http-api-junction-webhook-error.json"))

	published := map[string]bool{} // whether the endpoint receives it
	harness.Eventually(t, 90*time.Second, "the events are on the bus", func() bool {
		for _, m := range d.Receive(t, d.Results) {
			event := harness.Decode[busEvent](t, []byte(m.Body))
			published[about(t, []byte(m.Body))] = event.Detail.Final || event.DetailType == "Junction Connection Error"
		}
		return len(published) >= 6
	})
	if diff := cmp.Diff(map[string]bool{
		"Connection Error " + junctiontest.DefaultUserID + " ":               true,
		"User Refresh Result 00000000-0000-4000-8000-000000000000 failed":    true,
		"User Refresh Result " + junctiontest.DefaultUserID + " partial":     true,
		"User Refresh Result " + junctiontest.CompletedUserID + " completed": true,
		"User Refresh Result " + slowUserID + " completed":                   true,
		"User Refresh Result " + slowUserID + " in_progress":                 false,
	}, published); diff != "" {
		t.Errorf("on the bus: %s", diff)
	}
	maps.DeleteFunc(published, func(_ string, passedOn bool) bool { return !passedOn })
	want := slices.Sorted(maps.Keys(published))
	var got []string
	deliveries := endpoint.next(t, len(want))
	for _, delivered := range deliveries {
		got = append(got, about(t, delivered.body))
		if delivered.method != http.MethodPost || delivered.path != "/results" || delivered.key != webhookKey || delivered.contentType != "application/json; charset=utf-8" {
			t.Errorf("%s %s with %q as %q", delivered.method, delivered.path, delivered.key, delivered.contentType)
		}
		validateEvent(t, delivered.body)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at the endpoint: %s", diff)
	}

	shell := newShell(t, d.endpoint, "CURL_CA_BUNDLE="+endpoint.certificate)
	t.Run("a dead letter is delivered again", func(t *testing.T) {
		program(t, "curl")
		queue := d.Outputs["ResultWebhookDeadLetterQueueUrl"]
		var want []string
		for _, delivered := range deliveries {
			body := string(delivered.body)
			want = append(want, body)
			if _, err := d.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}); err != nil {
				t.Fatal(err)
			}
		}
		script := blockOf(t, "docs/result-webhook.md", "sh", "receive-message")
		for name, value := range map[string]string{"queue": queue, "url": endpoint.URL + "/results", "secret": "junction/result-webhook"} {
			script = regexp.MustCompile(`(?m)^`+name+`=\S*`).ReplaceAllString(script, name+"="+value)
		}
		if out := shell.run(t, "", "sh", "-c", script); strings.Contains(out, webhookKey) {
			t.Errorf("the key is shown: %s", out)
		}
		var got []string
		for _, delivered := range endpoint.next(t, len(want)) {
			got = append(got, string(delivered.body))
			if delivered.key != webhookKey {
				t.Errorf("the key is %q", delivered.key)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if left := d.Waiting(t, harness.Queue{URL: queue}); left != 0 {
			t.Errorf("%d dead letters are left", left)
		}
	})
	t.Run("a rotated secret is sent after the printed command", func(t *testing.T) {
		shell.run(t, "", "aws", "secretsmanager", "put-secret-value", "--secret-id", "junction/result-webhook", "--secret-string", "the next key")
		if out := shell.run(t, "", "sh", "-c", d.Outputs["RotateResultWebhookCommand"]); strings.Contains(out, "the next key") {
			t.Errorf("the key is shown: %s", out)
		}
		d.PutEvent(t, "junction.refresh", "Junction Connection Error", "{}")
		if got := endpoint.next(t, 1)[0].key; got != "the next key" {
			t.Errorf("the key is %q", got)
		}
	})
}

// newShell returns an empty folder in which commands run against ministack.
func newShell(t *testing.T, endpoint string, env ...string) *repoClone {
	t.Helper()
	// Version 1 of the AWS CLI does not use AWS_ENDPOINT_URL for SQS.
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\nexec "+program(t, "aws")+" --endpoint-url "+endpoint+` "$@"`+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &repoClone{dir: t.TempDir(), env: append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"AWS_DEFAULT_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_PAGER=",
	}, env...)}
}

// blockOf returns the block of code of a document that is in a language and has a word.
func blockOf(t *testing.T, file, language, word string) string {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(harness.ReadFile(t, file), -1) {
		if strings.Contains(block[1], word) {
			return block[1]
		}
	}
	t.Fatalf("%s has no %s with %s", file, language, word)
	return ""
}

func TestTheDocumentedCheckOfTheKeyAcceptsTheConfiguredKeysAlone(t *testing.T) {
	t.Parallel()
	check := blockOf(t, "docs/result-webhook.md", "python", "compare_digest")
	for _, c := range []struct {
		name, keys, headers string
		want                bool
	}{
		{"the key", "first", `{"x-api-key": "first"}`, true},
		{"the second key of a rotation", "first,second", `{"x-api-key": "second"}`, true},
		{"another key", "first", `{"x-api-key": "firs"}`, false},
		{"a key that is not ASCII", "first", `{"x-api-key": "fïrst"}`, false},
		{"both keys", "first,second", `{"x-api-key": "first,second"}`, false},
		{"no header", "first", `{}`, false},
		{"no header, and a comma too many", "first,", `{}`, false},
		{"no key is configured", "", `{"x-api-key": ""}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), tool(t, ".tools/venv/bin/python"), "-c", check+"\nprint(is_eventbridge("+c.headers+"))")
			command.Env = []string{"RESULT_WEBHOOK_KEYS=" + c.keys, "PYTHONUTF8=1"}
			if out, err := command.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != map[bool]string{true: "True", false: "False"}[c.want] {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestTheRuleOfTheResultWebhookMatchesNothingElse asks EventBridge's TestEventPattern, as ministack has it.
func TestTheRuleOfTheResultWebhookMatchesNothingElse(t *testing.T) {
	t.Parallel()
	pattern := text(readTemplate(t, "template.yaml").Source.Resources["ResultWebhookRule"].Properties["EventPattern"])
	events := harness.StackAt(t, harness.MinistackURL(t), "any").Events
	for _, c := range []struct {
		name, source, detailType, detail string
		want                             bool
	}{
		{"a final result", "junction.refresh", "Junction User Refresh Result", `{"final":true,"status":"completed"}`, true},
		{"a final failure", "junction.refresh", "Junction User Refresh Result", `{"final":true,"status":"failed"}`, true},
		{"a connection error", "junction.refresh", "Junction Connection Error", `{"user_id":"u"}`, true},
		{"a result that will be followed by another", "junction.refresh", "Junction User Refresh Result", `{"final":false}`, false},
		{"a result of an older version", "junction.refresh", "Junction User Refresh Result", `{"status":"completed"}`, false},
		{"a word in place of a boolean", "junction.refresh", "Junction User Refresh Result", `{"final":"true"}`, false},
		{"another type of event", "junction.refresh", "Junction User Refresh Requested", `{"final":true}`, false},
		{"somebody else's result", "my.app", "Junction User Refresh Result", `{"final":true}`, false},
		{"somebody else's connection error", "my.app", "Junction Connection Error", `{}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			event := text(map[string]any{
				"id": "7bf73129-1428-4cd3-a780-95db273d1602", "account": accountID, "source": c.source, "time": "2026-11-23T18:13:00Z", "region": region,
				"resources": []string{}, "detail-type": c.detailType, "detail": json.RawMessage(c.detail),
			})
			if got := matches(t, events, pattern, event); got != c.want {
				t.Errorf("matched: %t", got)
			}
		})
	}
}

func matches(t *testing.T, client *eventbridge.Client, pattern, event string) bool {
	t.Helper()
	out, err := client.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{EventPattern: &pattern, Event: &event})
	if err != nil {
		t.Fatal(err)
	}
	return out.Result
}

func TestTheResultWebhookIsOnlyThereIfItHasAURL(t *testing.T) {
	t.Parallel()
	deployed := readTemplate(t, "template.yaml").Deployed
	for id, r := range deployed.Resources {
		if strings.HasPrefix(id, "ResultWebhook") && !strings.HasPrefix(r.Condition, "HasResultWebhook") {
			t.Errorf("%s has the condition %q", id, r.Condition)
		}
	}
}

func TestTheResultWebhooksPermissionsAreItsOwn(t *testing.T) {
	t.Parallel()
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	role := resources["ResultWebhookRole"].Properties
	policies := role["Policies"].([]any)
	statements := policies[0].(map[string]any)["PolicyDocument"].(map[string]any)["Statement"]
	if diff := cmp.Diff(any([]any{map[string]any{
		"Sid": "DeliverResults", "Effect": "Allow", "Action": "events:InvokeApiDestination",
		"Resource": map[string]any{"Fn::GetAtt": []any{"ResultWebhookDestination", "Arn"}},
	}}), statements); diff != "" || len(policies) != 1 || role["ManagedPolicyArns"] != nil {
		t.Errorf("the role may do more than deliver: %s", diff)
	}
	if trust := text(role["AssumeRolePolicyDocument"]); !strings.Contains(trust, "rule/${Bus}/ResultWebhook-${Id}") || !strings.Contains(trust, "aws:SourceAccount") || strings.Contains(trust, "*") {
		t.Errorf("others than the rule may use the role: %s", trust)
	}
	if queue := text(resources["ResultWebhookDeadLetterQueuePolicy"].Properties); !strings.Contains(queue, `"aws:SourceArn":{"Fn::GetAtt":["ResultWebhookRule","Arn"]}`) {
		t.Errorf("others than the rule may send to the dead-letter queue: %s", queue)
	}
}

// TestTheFunctionMayPublishWhatItPublishes compares the permission with the detail-types of internal/publish.
func TestTheFunctionMayPublishWhatItPublishes(t *testing.T) {
	t.Parallel()
	policy := text(readTemplate(t, "template.yaml").Deployed.Resources["RefreshRole"].Properties["Policies"])
	types := regexp.MustCompile(`Type += "(Junction [A-Z][A-Za-z ]+)"`).FindAllStringSubmatch(harness.ReadFile(t, "internal/publish/publish.go"), -1)
	if len(types) != 2 {
		t.Errorf("internal/publish has the detail-types %v", types)
	}
	for _, found := range types {
		if !strings.Contains(policy, `"`+found[1]+`"`) {
			t.Errorf("the role may not publish %q", found[1])
		}
	}
}
