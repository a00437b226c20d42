package deploy

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

// transformed returns the template as CloudFormation gets it with each set of parameters.
func transformed(t *testing.T, sets ...map[string]string) []document {
	t.Helper()
	return script[struct{ With []document }](t, sets, "template.py", filepath.Join(root, "template.yaml"), filepath.Join(root, "samconfig.toml")).With
}

// ofType returns the logical IDs of a template's resources of a type.
func (d document) ofType(kind string) (ids []string) {
	for id, r := range d.Resources {
		if r.Type == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// versionOf is the logical ID of the version that a template publishes. CloudFormation publishes one if it is new.
func (d document) versionOf(t *testing.T) string {
	t.Helper()
	ids := d.ofType("AWS::Lambda::Version")
	if len(ids) != 1 {
		t.Fatalf("the template publishes %v", ids)
	}
	return ids[0]
}

var (
	referred  = regexp.MustCompile(`"Ref":"(\w+)"|"Fn::GetAtt":\["(\w+)"|\$\{(\w+)[.}]`)
	condition = regexp.MustCompile(`"(?:Fn::If":\[|Condition":)"(\w+)"`)
)

// references returns what a part of a template refers to.
func references(part any) map[string]bool {
	names := map[string]bool{}
	for _, found := range referred.FindAllStringSubmatch(text(part), -1) {
		names[found[1]+found[2]+found[3]] = true
	}
	return names
}

// throughConditions returns the parameters on which the conditions of a part of a template depend.
func (d document) throughConditions(part any) map[string]bool {
	names := map[string]bool{}
	for _, found := range condition.FindAllStringSubmatch(text(part), -1) {
		maps.Copy(names, references(d.Conditions[found[1]]))
		maps.Copy(names, d.throughConditions(d.Conditions[found[1]]))
	}
	return names
}

// TestEveryChangeOfTheFunctionPublishesAVersion and no other change does: of a function that is as its last version is,
// Lambda publishes none, and the deployment would fail.
func TestEveryChangeOfTheFunctionPublishesAVersion(t *testing.T) {
	t.Parallel()
	source := readTemplate(t, "template.yaml").Source
	names := slices.Sorted(maps.Keys(source.Parameters))
	defaults := map[string]string{"JunctionSecretArn": "one"}
	for _, name := range names {
		if value := source.Parameters[name].Default; value != nil {
			defaults[name] = fmt.Sprint(value)
		}
	}
	sets := []map[string]string{{"JunctionSecretArn": "one"}, defaults}
	for _, name := range names {
		sets = append(sets, map[string]string{"JunctionSecretArn": "one", name: "another"})
	}
	templates := transformed(t, sets...)
	plain := templates[0]
	// CloudFormation remembers what a parameter's default was, and gives it to SAM with the next deployment.
	if got, want := templates[1].versionOf(t), plain.versionOf(t); got != want {
		t.Errorf("the next deployment publishes %s, and the first %s: a default is not written as a text", got, want)
	}
	function := maps.Clone(plain.Resources["RefreshFunction"].Properties)
	for _, ofNoVersion := range []string{"Code", "ReservedConcurrentExecutions", "Tags"} {
		delete(function, ofNoVersion)
	}
	direct, indirect := references(function), plain.throughConditions(function)
	for i, name := range names {
		publishes := templates[2+i].versionOf(t) != plain.versionOf(t)
		if publishes != direct[name] {
			t.Errorf("%s: a change publishes a version: %v, and changes the function: %v", name, publishes, direct[name])
		}
		if indirect[name] && !publishes {
			t.Errorf("%s: a change can change the function, and publishes no version", name)
		}
	}
	if !strings.Contains(text(plain.Resources["RefreshFunction"].Properties["Code"]), `"SourceKMSKeyArn":{"Fn::If":["Never",`) {
		t.Error("the function gets a SourceKMSKeyArn")
	}

	// What is no parameter, and not in the hash.
	delete(function, "Environment")
	checksum := fmt.Sprintf("%x", sha256.Sum256([]byte(text(function))))[:8]
	if !strings.Contains(text(plain.Resources["RefreshFunction"].Properties["Code"]), checksum) {
		t.Errorf("the function's properties changed: write %s as the first entry of SourceKMSKeyArn, so that a version is published", checksum)
	}
}

// TestTheAliasFollowsTheParameters with ministack, which refuses to publish a version of an unchanged function as AWS does.
func TestTheAliasFollowsTheParameters(t *testing.T) {
	t.Parallel()
	steps := []struct {
		change map[string]string
		want   string // of the alias: its version and some of that version's configuration
	}{
		{map[string]string{"JunctionSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:junction/team-key-a1b2c3", "Architecture": harness.Arch,
			"ResultBusName": "results"}, "1: 128 MB, results"},
		{map[string]string{"QueueBatchSize": "5"}, "1: 128 MB, results"},
		{map[string]string{"ReservedConcurrency": "7"}, "1: 128 MB, results"},
		{map[string]string{"MemorySize": "256"}, "2: 256 MB, results"},
		{map[string]string{"CreateResultBus": "false"}, "3: 256 MB, results"},
		{map[string]string{"ResultBusName": ""}, "4: 256 MB, "},
		{map[string]string{"MemorySize": "128"}, "5: 128 MB, "},
		{map[string]string{"DeploymentType": "Linear10PercentEvery1Minute"}, "5: 128 MB, "},
	}
	changes, want := make([]map[string]string, len(steps)), make([]string, len(steps))
	for i, step := range steps {
		changes[i], want[i] = step.change, step.want
	}
	got := script[[]string](t, changes, "versions.py", filepath.Join(root, "template.yaml"), harness.Bootstrap(t), startCloud(t), filepath.Join(root, "test", "python"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the alias is elsewhere (-want +got):\n%s", diff)
	}
}

func TestEverythingCallsTheAlias(t *testing.T) {
	t.Parallel()
	d := transformed(t, map[string]string{"DeploymentType": "Canary10Percent5Minutes"})[0]
	bare := regexp.MustCompile(`\{"Ref":"RefreshFunction"\}|\{"Fn::GetAtt":\["RefreshFunction","\w+"\]\}|\$\{RefreshFunction(\.Arn)?\}(?:[^:]|:[^l*])`)
	for id, r := range d.Resources {
		found := bare.FindAllString(text(r.Properties), -1)
		switch r.Type {
		case "AWS::Lambda::Version", "AWS::Lambda::Alias": // which belong to the function
		case "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Url":
			if r.Properties["Qualifier"] != "live" || len(found) != 1 {
				t.Errorf("%s is for the qualifier %v", id, r.Properties["Qualifier"])
			}
		case "AWS::CloudWatch::Alarm":
			if named := strings.Count(text(r.Properties), `{"Name":"FunctionName","Value":{"Ref":"RefreshFunction"}}`); named != len(found) {
				t.Errorf("%s has %v in other places than the dimension FunctionName", id, found)
			}
		case "AWS::CloudWatch::Dashboard": // the metrics of all versions
		case "AWS::IAM::Role":
			if len(found) > 0 && id != "DeploymentRole" { // which shifts the alias
				t.Errorf("%s refers to %v", id, found)
			}
		default:
			if len(found) > 0 {
				t.Errorf("%s calls the function and not the alias: %v", id, found)
			}
		}
		if r.Type == "AWS::Lambda::Permission" || r.Type == "AWS::Lambda::Url" {
			if r.DependsOn != "RefreshFunctionAliaslive" {
				t.Errorf("%s does not wait for the alias", id)
			}
		}
	}
	for id, output := range d.Outputs {
		if found := bare.FindAllString(text(output.Value), -1); len(found) > 0 && id != "FunctionName" {
			t.Errorf("the output %s has %v", id, found)
		}
	}
	alias := any(map[string]any{"Ref": "RefreshFunctionAliaslive"})
	for where, got := range map[string]any{
		"the mapping":            d.Resources["RefreshFunctionQueued"].Properties["FunctionName"],
		"the output FunctionArn": d.Outputs["FunctionArn"].Value,
	} {
		if diff := cmp.Diff(alias, got); diff != "" {
			t.Errorf("%s: %s", where, diff)
		}
	}
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:junction-refresh-RefreshFunction-1A2B3C:live"
	if pattern := readTemplate(t, example).Source.Parameters["RefreshFunctionArn"].AllowedPattern; !regexp.MustCompile(pattern).MatchString(arn) {
		t.Errorf("the example's state machine does not accept the output FunctionArn, but %s", pattern)
	}
	for id, count := range map[string]int{"HttpApi": 4, "HttpApiPermission": 1, "FunctionUrlPermission": 1, "FunctionUrlInvokePermission": 1} {
		if got := strings.Count(text(d.Resources[id].Properties), ":live"); got != count {
			t.Errorf("%s refers to the alias %d times, want %d", id, got, count)
		}
	}
}

func TestCodeDeployShiftsTheAliasIfItIsAskedTo(t *testing.T) {
	t.Parallel()
	var types []string
	var sets []map[string]string
	for _, value := range readTemplate(t, "template.yaml").Source.Parameters["DeploymentType"].AllowedValues {
		types = append(types, value.(string))
		sets = append(sets, map[string]string{"DeploymentType": value.(string)})
	}
	if len(types) != 9 {
		t.Errorf("there are %d types: CodeDeploy has nine for Lambda", len(types))
	}
	for i, d := range transformed(t, sets...) {
		groups, updates := d.ofType("AWS::CodeDeploy::DeploymentGroup"), d.Resources["RefreshFunctionAliaslive"].UpdatePolicy
		if types[i] == "AllAtOnce" {
			if len(groups)+len(d.ofType("AWS::CodeDeploy::Application")) > 0 || updates != nil {
				t.Errorf("AllAtOnce needs CodeDeploy: %v %v", groups, updates)
			}
			continue
		}
		if len(groups) != 1 || !strings.Contains(text(updates), groups[0]) {
			t.Fatalf("%s: %v, and the alias is updated by %s", types[i], groups, text(updates))
		}
		group := d.Resources[groups[0]].Properties
		for property, want := range map[string]string{
			"DeploymentConfigName":      `["CodeDeployDefault.Lambda${ConfigName}",{"ConfigName":"` + types[i] + `"}]`,
			"ServiceRoleArn":            `{"Fn::GetAtt":["DeploymentRole","Arn"]}`,
			"AlarmConfiguration":        `{"Alarms":[{"Name":{"Ref":"NewVersionErrorsAlarm"}},{"Name":{"Ref":"NewVersionFailuresAlarm"}}],"Enabled":true}`,
			"AutoRollbackConfiguration": `DEPLOYMENT_STOP_ON_ALARM`,
		} {
			if got := text(group[property]); !strings.Contains(got, want) {
				t.Errorf("%s: %s is %s", types[i], property, got)
			}
		}
		if id, found := cycle(d); found {
			t.Errorf("%s: %s depends on itself", types[i], id)
		}
	}
}

// cycle returns a resource that depends on itself.
func cycle(d document) (string, bool) {
	depends := map[string]map[string]bool{}
	for id, r := range d.Resources {
		depends[id] = references([]any{r.Properties, r.UpdatePolicy})
		switch on := r.DependsOn.(type) {
		case string:
			depends[id][on] = true
		case []any:
			for _, other := range on {
				depends[id][other.(string)] = true
			}
		}
	}
	for id := range depends {
		seen, next := map[string]bool{}, []string{id}
		for len(next) > 0 {
			for other := range depends[next[0]] {
				if other == id {
					return id, true
				}
				if !seen[other] {
					seen[other] = true
					next = append(next, other)
				}
			}
			next = next[1:]
		}
	}
	return "", false
}

// TestTheAlarmsOfADeploymentWatchTheNewVersionAlone because CodeDeploy deploys nothing while one of them fires.
func TestTheAlarmsOfADeploymentWatchTheNewVersionAlone(t *testing.T) {
	t.Parallel()
	d := readTemplate(t, "template.yaml").Deployed
	version := any(map[string]any{"Fn::GetAtt": []any{d.versionOf(t), "Version"}})
	for _, id := range []string{"NewVersionErrorsAlarm", "NewVersionFailuresAlarm"} {
		alarm := d.Resources[id]
		metrics, _ := metricsOf(t, alarm)
		if len(metrics) == 0 {
			t.Errorf("there is no %s", id)
		}
		for _, m := range metrics {
			last := m.dimensions[len(m.dimensions)-1].(map[string]any)
			if diff := cmp.Diff(version, last["Value"]); diff != "" || !slices.Contains([]string{"ExecutedVersion", "FunctionVersion"}, last["Name"].(string)) {
				t.Errorf("%s watches %s of all versions", id, m.name)
			}
		}
		if minutes := alarm.Properties["EvaluationPeriods"].(float64); strings.Count(text(alarm.Properties), `"Period":60`) != len(metrics) || minutes > 5 {
			t.Errorf("%s looks back over more than the five minutes of the shortest shift", id)
		}
	}
}
