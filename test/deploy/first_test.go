package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const teamKey = "sk_us_first_deployment"

// newDeployment is a fresh clone after `make secret` and `sam build`, ready for `sam deploy`, with a simulator in place
// of Junction.
func newDeployment(t *testing.T) *repoClone {
	t.Helper()
	program(t, "aws")
	clone := newClone(t).onCloud(t)
	clone.junction = junctiontest.New(junctiontest.WithKeys(teamKey))
	junction, err := clone.junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = junction.Close() })
	clone.run(t, teamKey+"\n", "make", "secret", "SECRET_NAME="+secretOf(t))
	clone.forMinistack(t, "template.yaml")
	clone.edit(t, "samconfig.toml", `# CreateAlarms = "true"`, `CreateAlarms = "false"`)
	clone.edit(t, "samconfig.toml", `# JunctionBaseUrl = ""`, `JunctionBaseUrl = "`+junction.URL()+`"`)
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	clone.edit(t, "samconfig.toml", `# Architecture = "arm64"`, `Architecture = "`+arch+`"`)
	clone.edit(t, "samconfig.toml", "[default.global.parameters]\nstack_name = \""+stackName+`"`, "[default.global.parameters]\nstack_name = \""+stackOf(t)+`"`)
	clone.run(t, "", "sam", "build")
	return clone
}

// secretOf is the name of a test's secret.
func secretOf(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return "test/" + name
}

// stackOf is the name of a test's stack.
func stackOf(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return strings.ToLower(name[:20])
}

// outputs returns the outputs of the test's stack.
func (c *repoClone) outputs(t *testing.T) map[string]string {
	t.Helper()
	var list []struct{ OutputKey, OutputValue string }
	if err := json.Unmarshal([]byte(c.run(t, "", "sam", "list", "stack-outputs", "--stack-name", stackOf(t), "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{}
	for _, output := range list {
		outputs[output.OutputKey] = output.OutputValue
	}
	return outputs
}

func TestAFirstDeploymentAnswersItsFirstCall(t *testing.T) {
	clone := newDeployment(t)
	// The only question is whether to deploy the change set.
	clone.run(t, "y\n", "make", "deploy")
	outputs := clone.outputs(t)
	script[[]string](t, nil, "import_api.py", filepath.Join(root, "template.yaml"), stackOf(t), clone.cloud)

	for _, command := range []string{"CurlCommand", "InvokeCommand"} {
		t.Run(command, func(t *testing.T) {
			// ministack's API Gateway has the host ID.execute-api.localhost.
			pasted := regexp.MustCompile(`https://(\w+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com`).
				ReplaceAllString(outputs[command], strings.Replace(clone.cloud, "127.0.0.1", "$1.execute-api.localhost", 1))
			if out := clone.run(t, "", "sh", "-c", pasted); !regexp.MustCompile(`"success": ?true`).MatchString(out) {
				t.Errorf("%s\nanswers %s", pasted, out)
			}
		})
	}
	t.Run("what is known of the user", func(t *testing.T) {
		pasted := regexp.MustCompile(`https://(\w+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\S+)\?timeout=20`).
			ReplaceAllString(outputs["CurlCommand"], strings.Replace(clone.cloud, "127.0.0.1", "$1.execute-api.localhost", 1)+"$2")
		if out := clone.run(t, "", "sh", "-c", strings.Replace(pasted, "--request POST", "--request GET", 1)); !strings.Contains(out, `"calls_left":`) {
			t.Errorf("answers %s", out)
		}
	})
	t.Run("without the token", func(t *testing.T) {
		url := regexp.MustCompile(`https://(\w+)\.execute-api`).FindStringSubmatch(outputs["CurlCommand"])[1]
		out := clone.run(t, "", "curl", "--silent", "--request", "POST",
			strings.Replace(clone.cloud, "127.0.0.1", url+".execute-api.localhost", 1)+"/v2/user/refresh/"+junctiontest.DefaultUserID)
		if !strings.Contains(out, `"error_code":"unauthenticated"`) {
			t.Errorf("answers %s", out)
		}
	})
	t.Run("make canary", func(t *testing.T) {
		// ministack's API Gateway has another host.
		arguments := clone.shadow(t, "curl", `for argument; do
				shift
				set -- "$@" "$(printf %s "$argument" | sed -E 's|https://(\w+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com|`+
			strings.Replace(clone.cloud, "127.0.0.1", `\1.execute-api.localhost`, 1)+`|')"
			done`)
		stdout, stderr, err := clone.try(t, "", "make", "canary", "USER_ID="+junctiontest.DefaultUserID, "STACK_NAME="+stackOf(t))
		if err != nil || stdout != "HTTP 200 partial\n" { // some of the simulator's sources fail
			t.Errorf("%v: %s%s", err, stdout, stderr)
		}
		token := regexp.MustCompile(`"tokens":\["([^"]+)`).FindStringSubmatch(clone.run(t, "", "aws", "secretsmanager", "get-secret-value",
			"--secret-id", secretOf(t), "--query", "SecretString", "--output", "text"))[1]
		if used := arguments(); !strings.Contains(used, junctiontest.DefaultUserID) || strings.Contains(used+stdout+stderr, token) {
			t.Errorf("the token is shown or an argument, or curl was not called: %s%s%s", used, stdout, stderr)
		}
		stdout, stderr, err = clone.try(t, "", "make", "canary", "USER_ID=00000000-0000-4000-8000-000000000000", "STACK_NAME="+stackOf(t))
		if err == nil || stdout != "HTTP 404 failed\n" || !strings.Contains(stderr, `"error_code":"user_not_found"`) {
			t.Errorf("an unknown user: %v: %s%s", err, stdout, stderr)
		}
	})
	for command, want := range map[string]string{
		"sam list resources":              "RefreshQueue",
		"sam list endpoints":              "/v2/user/refresh/{user_id}['post', 'get']",
		"sam list stack-outputs":          "CurlCommand",
		"sam logs --name RefreshFunction": "message=refresh",
		"sam remote invoke RefreshFunction --parameter Qualifier=live --event-file events/direct.json": `"success": true`,
		`sam remote invoke RefreshQueue --event '{"client_user_id":"nobody"}'`:                         "MessageId",
	} {
		t.Run(command, func(t *testing.T) {
			if strings.HasPrefix(command, "sam list") {
				command += " --output json --region " + region + " --stack-name " + stackOf(t)
			}
			if out := clone.run(t, "", "sh", "-c", command); !strings.Contains(out, want) {
				t.Errorf("prints %s", out)
			}
		})
	}
}

func TestTheKeyAndTheTokenAreNeverShownOrOverwritten(t *testing.T) {
	t.Parallel()
	program(t, "aws")
	clone := newClone(t).onCloud(t)
	arguments := clone.shadow(t, "aws", "")
	secret := func() string {
		return clone.run(t, "", "aws", "secretsmanager", "get-secret-value", "--secret-id", "test/shown", "--query", "SecretString", "--output", "text")
	}
	stdout, stderr, err := clone.try(t, teamKey+"\n", "make", "secret", "SECRET_NAME=test/shown")
	if err != nil {
		t.Fatal(err, stdout, stderr)
	}
	var bundle struct {
		APIKey string `json:"api_key"`
		Tokens []string
	}
	first := secret()
	if err := json.Unmarshal([]byte(first), &bundle); err != nil || bundle.APIKey != teamKey || len(bundle.Tokens) != 1 || len(bundle.Tokens[0]) < 43 {
		t.Fatalf("%v: the secret is %s", err, first)
	}
	for _, never := range []string{teamKey, bundle.Tokens[0]} {
		if strings.Contains(arguments()+stdout+stderr, never) {
			t.Errorf("%q is shown or an argument", never)
		}
	}
	clone.run(t, "sk_us_another\n", "make", "secret", "SECRET_NAME=test/shown")
	if second := secret(); second != first {
		t.Errorf("the secret was overwritten by %s", second)
	}
	config := string(must(os.ReadFile(filepath.Join(clone.dir, "samconfig.toml"))))
	if !regexp.MustCompile(`(?m)^JunctionSecretArn = "arn:aws:secretsmanager:us-east-1:\d+:secret:test/shown-\w{6}"`).MatchString(config) {
		t.Errorf("the ARN is not in samconfig.toml: %s", config)
	}
	for _, key := range []string{"", "hello", `sk_us_"quoted`, "sk_us_ space", "sk_us_"} {
		if _, stderr, err := clone.try(t, key+"\n", "make", "secret", "SECRET_NAME=test/unusable"); err == nil {
			t.Errorf("%q was stored: %s", key, stderr)
		}
	}
}

func TestAScheduleSurvivesTheNextDeployment(t *testing.T) {
	clone := newDeployment(t)
	schedule := func() string {
		return clone.run(t, "", "aws", "scheduler", "list-schedules", "--query", "Schedules[?contains(Name, '"+stackOf(t)+"')].[State, Target.Arn]", "--output", "text")
	}
	plain := func(args ...string) {
		clone.run(t, "", "sam", append([]string{"deploy", "--no-confirm-changeset", "--no-fail-on-empty-changeset"}, args...)...)
	}
	plain()
	if got := schedule(); strings.TrimSpace(got) != "" {
		t.Errorf("a schedule without being asked for: %s", got)
	}
	clone.edit(t, "samconfig.toml", `# ScheduleExpression = ""`, `ScheduleExpression = "cron(0 6 * * ? *)"`)
	clone.edit(t, "samconfig.toml", `# ScheduleInput = "{}"`, `ScheduleInput = '{"all_users": true, "timeout": 30}'`)
	plain()
	want := regexp.MustCompile(`ENABLED\s+arn:aws:sqs:\S+` + stackOf(t) + `-RefreshQueue-`)
	if got := schedule(); !want.MatchString(got) {
		t.Fatalf("the schedule is %q", got)
	}
	clone.edit(t, "samconfig.toml", `# ApplicationLogLevel = "INFO"`, `ApplicationLogLevel = "DEBUG"`)
	plain()
	if got := schedule(); !want.MatchString(got) {
		t.Errorf("after the next deployment the schedule is %q", got)
	}
	t.Run("and its document on the queue refreshes all users", func(t *testing.T) {
		clone.run(t, "", "sam", "remote", "invoke", "RefreshQueue", "--event", `{"all_users": true, "timeout": 30}`)
		for deadline := time.Now().Add(time.Minute); clone.junction.Calls(junctiontest.DefaultUserID) == 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no user was refreshed")
			}
		}
	})
	// What a pipeline does not pass keeps its value.
	plain("--config-env", "ci", "--stack-name", stackOf(t), "--parameter-overrides", "MemorySize=256")
	if got := schedule(); !want.MatchString(got) {
		t.Errorf("after the pipeline's deployment the schedule is %q", got)
	}
}

func TestADeletedStackCanBeDeployedAgainAtOnceAndKeepsItsBus(t *testing.T) {
	t.Parallel()
	clone := newDeployment(t)
	clone.run(t, "", "sam", "deploy", "--no-confirm-changeset")
	first := clone.outputs(t)
	clone.run(t, "", "sam", "delete", "--no-prompts", "--stack-name", stackOf(t), "--region", region)
	clone.run(t, "", "sam", "deploy", "--no-confirm-changeset")
	second := clone.outputs(t)
	for _, output := range []string{"RefreshQueueUrl", "ResultBusName"} {
		if first[output] == second[output] {
			t.Errorf("%s of both stacks is %s", output, first[output])
		}
	}
	clone.run(t, "", "aws", "events", "describe-event-bus", "--name", first["ResultBusName"])
	if _, _, err := clone.try(t, "", "aws", "sqs", "get-queue-attributes", "--queue-url", first["RefreshQueueUrl"]); err == nil {
		t.Error("the first stack's queue is kept")
	}
}

// forMinistack changes a template where ministack differs from AWS: Junction is not behind https, and ministack does not
// read the queue if this number is a reference, and knows neither alarms with metric math nor queries.
func (c *repoClone) forMinistack(t *testing.T, template string) {
	t.Helper()
	c.edit(t, template, "MaximumConcurrency: !Ref QueueMaximumConcurrency", "MaximumConcurrency: 5")
	c.edit(t, template, "    AllowedPattern: ^(https://[^\\s?#@]+)?$\n    ConstraintDescription: must be an https URL without user, query or fragment, or empty.\n", "")
	c.replace(t, template, "Type: AWS::Logs::QueryDefinition", "Type: AWS::CloudFormation::WaitConditionHandle")
}
