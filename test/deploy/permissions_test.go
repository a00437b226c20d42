package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/config"
)

// requests are IAM actions, by the SDK's name of the service.
type requests map[string][]string

// calls returns the requests that the code of the function makes, and those that its interfaces declare. A request is
// found as the literal of its input, such as &sqs.SendMessageBatchInput{…}.
var calls = sync.OnceValues(func() (made, declared requests) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}", "./cmd/lambda")
	list.Dir = root
	made, declared = requests{}, requests{}
	for dir := range strings.FieldsSeq(string(must(list.Output()))) {
		for _, name := range must(filepath.Glob(filepath.Join(dir, "*.go"))) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			ast.Inspect(must(parser.ParseFile(token.NewFileSet(), name, nil, 0)), func(node ast.Node) bool {
				switch node := node.(type) {
				case *ast.CompositeLit:
					made.add(node.Type)
				case *ast.FuncType:
					for _, parameter := range node.Params.List {
						if pointer, ok := parameter.Type.(*ast.StarExpr); ok {
							declared.add(pointer.X)
						}
					}
				}
				return true
			})
		}
	}
	return made, declared
})

// add adds the request of a type, if it is the input of one. The packages of the SDK are imported by their own names.
func (r requests) add(input ast.Expr) {
	selector, _ := input.(*ast.SelectorExpr)
	if selector == nil {
		return
	}
	service := selector.X.(*ast.Ident).Name
	if operation, ok := strings.CutSuffix(selector.Sel.Name, "Input"); ok {
		prefix := strings.Replace(service, "eventbridge", "events", 1) // of IAM
		// Each of SQS's batches needs the permission of the single request, and a PartiQL statement that of its kind.
		action := prefix + ":" + strings.Replace(strings.TrimSuffix(operation, "Batch"), "BatchExecuteStatement", "PartiQLUpdate", 1)
		if !slices.Contains(r[service], action) {
			r[service] = append(r[service], action)
			slices.Sort(r[service])
		}
	}
}

// needed returns what the role of the function has to allow: the requests of the code, on what the variables name, and
// what Lambda does with the role.
func needed(c *created) map[string][]string {
	made, _ := calls()
	variables := c.variables()
	allowed := map[string][]string{
		// Tracing is active. X-Ray has no resources.
		"*": {"xray:PutTelemetryRecords", "xray:PutTraceSegments"},
		// The destination of invocations that failed after all retries.
		"DeadLetterQueue.Arn": {"sqs:SendMessage"},
		// The group of LoggingConfig.
		"RefreshLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
		// The poller of the event source mapping.
		"RefreshQueue.Arn": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
	}
	bus := variables["RESULT_BUS"]
	if c.exists("HasOwnBus") {
		bus = "ResultBus.Arn"
	} else if bus != "" {
		bus = "arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/" + bus
	}
	for service, resource := range map[string]string{
		"secretsmanager": variables["JUNCTION_SECRET_ID"],
		"dynamodb":       variables["QUOTA_TABLE"] + ".Arn",
		"sqs":            path.Base(variables["REFRESH_QUEUE_URL"]) + ".Arn",
		"eventbridge":    bus,
	} {
		if resource != "" {
			allowed[resource] = append(allowed[resource], made[service]...)
		}
	}
	if key := c.values["SecretKmsKeyArn"]; key != "" {
		allowed[key] = []string{"kms:Decrypt"} // Secrets Manager decrypts with the permissions of the caller
	}
	for resource, actions := range allowed {
		slices.Sort(actions)
		allowed[resource] = slices.Compact(actions)
	}
	return allowed
}

// variables returns the environment of the function.
func (c *created) variables() map[string]string {
	variables := map[string]string{}
	for name, value := range c.Properties["RefreshFunction"]["Environment"].(map[string]any)["Variables"].(map[string]any) {
		variables[name] = value.(string)
	}
	return variables
}

// statements returns what a policy allows, by resource, and what it denies.
func statements(policy any) (allowed map[string][]string, denied []string) {
	allowed = map[string][]string{}
	for _, s := range policy.(map[string]any)["Statement"].([]any) {
		statement := s.(map[string]any)
		if statement["Effect"] != "Allow" {
			denied = append(denied, all(statement["Action"])...)
			continue
		}
		for _, resource := range all(statement["Resource"]) {
			allowed[resource] = append(allowed[resource], all(statement["Action"])...)
			slices.Sort(allowed[resource])
		}
	}
	return allowed, denied
}

// all returns one string, or a list, as a list.
func all(value any) []string {
	if one, ok := value.(string); ok {
		return []string{one}
	}
	var list []string
	for _, one := range value.([]any) {
		list = append(list, one.(string))
	}
	return list
}

func TestTheCodeMakesEveryRequestThatItsInterfacesDeclare(t *testing.T) {
	t.Parallel()
	made, declared := calls()
	for service, actions := range declared {
		if diff := cmp.Diff(actions, made[service]); diff != "" {
			t.Errorf("%s: declared (-) and made (+) differ:\n%s", service, diff)
		}
	}
	if len(made) != 4 {
		t.Errorf("the code calls %v, want Secrets Manager, DynamoDB, SQS and EventBridge", made)
	}
}

func TestTheRoleAllowsWhatTheCodeCallsAndNothingElse(t *testing.T) {
	t.Parallel()
	d := readTemplate(t, "template.yaml").Deployed
	eachPair(t, d, func(t *testing.T, given values) {
		t.Helper()
		c := create(t, d, given)
		role := c.Properties["RefreshRole"]
		allowed, denied := map[string][]string{}, []string(nil)
		for _, p := range role["Policies"].([]any) {
			more, not := statements(p.(map[string]any)["PolicyDocument"])
			maps.Copy(allowed, more)
			denied = append(denied, not...)
		}
		if diff := cmp.Diff(needed(c), allowed); diff != "" {
			t.Errorf("what is needed (-) and allowed (+) differ:\n%s", diff)
		}
		// In a VPC Lambda itself creates network interfaces with the role, and the code is denied what that needs.
		var managed []any
		var refused []string
		if c.exists("HasVpc") {
			managed = []any{"arn:AWS::Partition:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"}
			refused = []string{"ec2:*"}
		}
		got, _ := role["ManagedPolicyArns"].([]any)
		if diff := cmp.Diff([]any{managed, refused}, []any{got, denied}); diff != "" {
			t.Errorf("in a VPC %v: %s", c.exists("HasVpc"), diff)
		}
	})
}

func TestTheFunctionHasTheVariablesThatItReadsAndStartsWithThem(t *testing.T) {
	t.Parallel()
	d := readTemplate(t, "template.yaml").Deployed
	// The AWS SDK reads it, under `sam local`.
	want := append(config.Names(), "AWS_ENDPOINT_URL")
	slices.Sort(want)
	eachPair(t, d, func(t *testing.T, given values) {
		t.Helper()
		variables := create(t, d, given).variables()
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(variables))); diff != "" {
			t.Errorf("the code (-) and the function (+) have different variables:\n%s", diff)
		}
		environ := []string{"AWS_LAMBDA_FUNCTION_NAME=function"}
		for name, value := range variables {
			environ = append(environ, name+"="+value)
		}
		if _, err := config.Parse(environ); err != nil {
			t.Error(err)
		}
	})
}

// withoutHash returns IDs, sorted, and those of published versions without the hash with which SAM ends them.
func withoutHash(ids []string) []string {
	var list []string
	for _, id := range ids {
		list = append(list, regexp.MustCompile(`(Version)[0-9a-f]{10}$`).ReplaceAllString(id, "$1"))
	}
	slices.Sort(list)
	return list
}

// TestTheStackIsCreatedAsTheConditionsSay creates stacks with the defaults, with as much as possible on and off, and with
// what excludes each other, and compares them with what the tests above take to be created.
func TestTheStackIsCreatedAsTheConditionsSay(t *testing.T) {
	t.Parallel()
	d := readTemplate(t, "template.yaml").Deployed
	for name, given := range map[string]values{
		"the defaults": {},
		"everything on": {
			"SecretKmsKeyArn":   "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
			"HttpApiAuthorizer": "AWS_IAM", "CreateFunctionUrl": "true", "FunctionUrlAuthType": "NONE", "CallerAuth": "iam,signature",
			"ScheduleExpression": "rate(1 day)", "ScheduleInput": `{"all_users":true}`, "ScheduleFlexibleMinutes": "5",
			"ArchiveDays": "1", "ResultWebhookUrl": "https://app.example.com/results", "ResultWebhookSecretArn": "the value",
			"PublishSchemas": "true", "ReservedConcurrency": "10", "VpcSubnetIds": "subnet-12345678", "VpcSecurityGroupIds": "sg-12345678",
			"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
		},
		"everything off": {
			"CreateHttpApi": "false", "EventRuleState": "DISABLED", "QueueState": "DISABLED", "CreateResultBus": "false",
			"CreateAlarms": "false", "AlarmTopicArn": "", "FollowUp": "off",
		},
		"a given bus, a topic of its own and an API that is switched off": {
			"EventBusName": "events", "ResultBusName": "results", "HttpApiState": "DISABLED", "AlarmTopicArn": "", "AlarmEmail": "operators@example.com",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack := newStack(t, given, nil)
			c := create(t, d, given)
			want := withoutHash(slices.Collect(maps.Keys(c.Properties)))
			want = slices.DeleteFunc(want, func(id string) bool { return !slices.Contains(withoutHash(stack.Expected), id) })
			if diff := cmp.Diff(want, withoutHash(slices.Collect(maps.Keys(stack.Resources)))); diff != "" {
				t.Errorf("expected (-) and created (+) resources differ:\n%s", diff)
			}
			variables := c.variables()
			if diff := cmp.Diff(slices.Sorted(maps.Keys(variables)), slices.Sorted(maps.Keys(stack.Environment))); diff != "" {
				t.Errorf("expected (-) and created (+) variables differ:\n%s", diff)
			}
			for name, value := range stack.Environment {
				if (value == "") != (variables[name] == "") && name != "JUNCTION_BASE_URL" { // which is the simulator's
					t.Errorf("%s is %q, expected %q", name, value, variables[name])
				}
			}
			var expected, got []string
			for _, actions := range needed(c) {
				expected = append(expected, actions...)
			}
			for _, policy := range stack.Policies {
				allowed, _ := statements(policy)
				for _, actions := range allowed {
					got = append(got, actions...)
				}
			}
			slices.Sort(expected)
			slices.Sort(got)
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Errorf("needed (-) and allowed (+) actions differ:\n%s", diff)
			}
		})
	}
}
