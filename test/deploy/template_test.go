package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is the Step Functions example's template.
const example = "examples/step-functions/template.yaml"

// template is a SAM template as template.py prints it.
type template struct {
	Source   document
	Deployed document
	Config   map[string]map[string]struct{ Parameters map[string]any } // of samconfig.toml
}

type document struct {
	Metadata struct {
		Interface struct {
			ParameterGroups []struct {
				Label      struct{ Default string }
				Parameters []string
			}
		} `json:"AWS::CloudFormation::Interface"`
		Application struct {
			Name, Description, Author, SpdxLicenseID, LicenseURL, ReadmeURL, HomePageURL, SourceCodeURL, SemanticVersion string

			Labels []string
		} `json:"AWS::ServerlessRepo::Application"`
	}
	Parameters map[string]struct {
		Type           string
		Description    string
		Default        any
		AllowedValues  []any
		AllowedPattern string
	}
	Mappings   map[string]map[string]map[string]any
	Conditions map[string]any
	Outputs    map[string]struct {
		Condition string
		Value     any
	}
	Resources map[string]resource
}

type resource struct {
	Type                string
	Condition           string
	UpdatePolicy        map[string]any
	DependsOn           any
	DeletionPolicy      string
	UpdateReplacePolicy string
	Properties          map[string]any
}

var templates sync.Map // by name: each is read once

func readTemplate(t *testing.T, name string) template {
	t.Helper()
	read, _ := templates.LoadOrStore(name, sync.OnceValue(func() template {
		return script[template](t, nil, "template.py", filepath.Join(root, name), filepath.Join(root, "samconfig.toml"))
	}))
	return read.(func() template)()
}

// text is a value as JSON, to look for something anywhere in it.
func text(value any) string {
	return string(must(json.Marshal(value)))
}

func TestEveryRoleIsBoundedIfABoundaryIsGiven(t *testing.T) {
	t.Parallel()
	want := any(map[string]any{"Fn::If": []any{
		"HasPermissionsBoundary", map[string]any{"Ref": "PermissionsBoundaryArn"}, map[string]any{"Ref": "AWS::NoValue"},
	}})
	for name, roles := range map[string]int{"template.yaml": 4, example: 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for id, r := range readTemplate(t, name).Deployed.Resources {
				if r.Type != "AWS::IAM::Role" {
					continue
				}
				roles--
				if diff := cmp.Diff(want, r.Properties["PermissionsBoundary"]); diff != "" {
					t.Errorf("%s: %s", id, diff)
				}
			}
			if roles != 0 {
				t.Errorf("%d roles fewer than expected", roles)
			}
		})
	}
}

func TestNothingIsWrittenForOnePartition(t *testing.T) {
	t.Parallel()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.yaml", "*.toml", "*.json", "*.md", "*.sh", "Makefile", "*/Makefile")
	list.Dir = root
	for _, name := range strings.Fields(string(must(list.Output()))) {
		if strings.HasPrefix(name, "events/") || strings.HasPrefix(name, "test/") {
			continue // what AWS sent
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue
		}
		for _, partition := range []string{"arn:aws:", "arn:aws-cn:", "arn:aws-us-gov:"} {
			if strings.Contains(string(content), partition) {
				t.Errorf("%s has %s, which is another one in another partition", name, partition)
			}
		}
	}
}

func TestWhatIsKeptAndWhatIsDeletedIsDecidedForEachResource(t *testing.T) {
	t.Parallel()
	keep := map[string][2]string{"ResultBus": {"RetainExceptOnCreate", "Retain"}}
	holding := []string{"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Events::EventBus", "AWS::Events::Archive", "AWS::Logs::LogGroup"}
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	for id, r := range resources {
		if !slices.Contains(holding, r.Type) {
			if r.DeletionPolicy != "" && r.Type != "AWS::Lambda::Version" { // which is deleted with its function
				t.Errorf("%s is kept and holds nothing", id)
			}
			continue
		}
		want := [2]string{"Delete", "Delete"}
		if kept, found := keep[id]; found {
			want = kept
		}
		if got := [2]string{r.DeletionPolicy, r.UpdateReplacePolicy}; got != want {
			t.Errorf("%s has %v, want %v", id, got, want)
		}
	}
	// What cannot be created again immediately, or is kept, has a name of its own in each stack.
	for id, property := range map[string]string{"RefreshQueue": "QueueName", "ResultBus": "Name"} {
		if name := text(resources[id].Properties[property]); !strings.Contains(name, "AWS::StackId") {
			t.Errorf("%s is named %s in each stack of the name", id, name)
		}
	}
}

func TestTheTablesOfTheTemplateHaveARowForEachTimeout(t *testing.T) {
	t.Parallel()
	source := readTemplate(t, "template.yaml").Source
	for _, value := range source.Parameters["Timeout"].AllowedValues {
		row := value.(string)
		timeout := must(strconv.ParseFloat(row, 64))
		if got := source.Mappings["CommandTimeout"][row]["Seconds"].(float64); got < timeout+10 || got > timeout+60 {
			t.Errorf("the commands wait %v s for a function that takes %v s", got, timeout)
		}
		for _, value := range source.Parameters["QueueBatchWindow"].AllowedValues {
			window := value.(float64)
			if got := source.Mappings["VisibilityTimeout"][row][fmt.Sprint(window)]; got != 6*timeout+window {
				t.Errorf("messages are invisible for %v s, with %v s and a window of %v s", got, timeout, window)
			}
		}
	}
}

func TestEachTriggerHasASwitch(t *testing.T) {
	t.Parallel()
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	stage := resources["HttpApiApiGatewayDefaultStage"].Properties["DefaultRouteSettings"]
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"queue", resources["RefreshFunctionQueued"].Properties["Enabled"], map[string]any{"Fn::If": []any{"IsQueueEnabled", true, false}}},
		{"rule", resources["RequestedRule"].Properties["State"], map[string]any{"Ref": "EventRuleState"}},
		{"schedule", resources["RefreshSchedule"].Properties["State"], map[string]any{"Ref": "ScheduleState"}},
		{"HTTP API", stage, map[string]any{
			"ThrottlingRateLimit":  map[string]any{"Fn::If": []any{"IsHttpApiEnabled", map[string]any{"Ref": "HttpApiRateLimit"}, 0.0}},
			"ThrottlingBurstLimit": map[string]any{"Fn::If": []any{"IsHttpApiEnabled", map[string]any{"Ref": "HttpApiBurstLimit"}, 0.0}},
		}},
		{"function URL", resources["FunctionUrl"].Condition, "HasFunctionUrl"},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestTheScheduleSendsToTheQueue(t *testing.T) {
	t.Parallel()
	deployed := readTemplate(t, "template.yaml").Deployed
	target, ok := deployed.Resources["RefreshSchedule"].Properties["Target"].(map[string]any)
	if !ok {
		t.Fatal("there is no schedule")
	}
	for property, want := range map[string]any{
		"Arn":              map[string]any{"Fn::GetAtt": []any{"RefreshQueue", "Arn"}},
		"RoleArn":          map[string]any{"Fn::GetAtt": []any{"ScheduleRole", "Arn"}},
		"DeadLetterConfig": map[string]any{"Arn": map[string]any{"Fn::GetAtt": []any{"DeadLetterQueue", "Arn"}}},
	} {
		if diff := cmp.Diff(want, target[property]); diff != "" {
			t.Errorf("%s: %s", property, diff)
		}
	}
}

func TestANewAccountHasInvocationsLeftBesideTheQueue(t *testing.T) {
	t.Parallel()
	const newAccount = 10 // concurrent invocations
	parameters := readTemplate(t, "template.yaml").Source.Parameters
	if got := parameters["QueueMaximumConcurrency"].Default.(float64); got > newAccount/2 {
		t.Errorf("the queue takes %v of %d concurrent invocations", got, newAccount)
	}
	if got := parameters["ReservedConcurrency"].Default.(float64); got != -1 {
		t.Errorf("%v concurrent invocations are reserved, which a new account refuses", got)
	}
}

func TestAVpcIsOptional(t *testing.T) {
	t.Parallel()
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	function, role := resources["RefreshFunction"].Properties, resources["RefreshRole"].Properties
	if diff := cmp.Diff(any(map[string]any{"Fn::If": []any{
		"HasVpc",
		map[string]any{
			"SubnetIds":        map[string]any{"Fn::Split": []any{",", map[string]any{"Ref": "VpcSubnetIds"}}},
			"SecurityGroupIds": map[string]any{"Fn::Split": []any{",", map[string]any{"Ref": "VpcSecurityGroupIds"}}},
		},
		map[string]any{"Ref": "AWS::NoValue"},
	}}), function["VpcConfig"]); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(text(role["ManagedPolicyArns"]), "AWSLambdaENIManagementAccess") || !strings.Contains(text(role["Policies"]), "lambda:SourceFunctionArn") {
		t.Errorf("the role may not create network interfaces, or the code may: %s", text(role))
	}
}
