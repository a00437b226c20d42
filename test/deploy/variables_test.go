package deploy

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// documentedDefaults returns the default of each variable that the README's table has, or "" if the table has a remark
// in its place.
func documentedDefaults(t *testing.T) map[string]string {
	t.Helper()
	_, table, found := strings.Cut(harness.ReadFile(t, "README.md"), "| variable | default | meaning |\n| --- | --- | --- |\n")
	if !found {
		t.Fatal("README.md has no table of variables")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	code := regexp.MustCompile("`([^`]+)`")
	defaults := map[string]string{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		values := code.FindAllStringSubmatch(cells[1], -1)
		for i, name := range code.FindAllStringSubmatch(cells[0], -1) {
			if defaults[name[1]] = ""; i < len(values) {
				defaults[name[1]] = values[i][1]
			}
		}
	}
	return defaults
}

// withoutLambdas leaves out the variables that Lambda and the AWS SDK define, and returns the names of the others.
func withoutLambdas[T any](variables map[string]T) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(variables)), func(name string) bool { return strings.HasPrefix(name, "AWS_") })
}

func TestTheREADMEHasEachVariableWithTheDefaultOfTheCode(t *testing.T) {
	t.Parallel()
	documented := documentedDefaults(t)
	if diff := cmp.Diff(config.Names(), withoutLambdas(documented)); diff != "" {
		t.Errorf("the code (-) and README.md (+) have different variables:\n%s", diff)
	}
	const secret = "JUNCTION_SECRET_ID=junction/team-key"
	want := must(config.Parse([]string{secret}))
	defaults := 0
	for name, value := range documented {
		if value == "" {
			continue
		}
		defaults++
		got, err := config.Parse([]string{secret, name + "=" + value})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not %s by default: %v", name, value, err)
		}
	}
	// Each default is a field of the configuration that is set though its variable is not.
	fields := reflect.ValueOf(want)
	for i := range fields.NumField() {
		if field := fields.Type().Field(i).Name; field != "SecretID" && !fields.Field(i).IsZero() {
			defaults--
		}
	}
	if defaults != 0 {
		t.Errorf("README.md has %+d defaults more than the code", defaults)
	}
}

// TestTheTemplateHasEachVariableWithTheDefaultOfTheREADME compares the defaults of the parameters that the variables are
// set to. An empty value is the same as no value, so a parameter without a default has that of the code, and names it.
func TestTheTemplateHasEachVariableWithTheDefaultOfTheREADME(t *testing.T) {
	t.Parallel()
	source := readTemplate(t, "template.yaml").Source
	variables := source.Resources["RefreshFunction"].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
	documented := documentedDefaults(t)
	for name, value := range variables {
		function, _ := value.(map[string]any)
		reference, _ := function["Ref"].(string)
		parameter, found := source.Parameters[reference]
		if !found {
			continue // a resource, a bus that may be one, or "" for a laptop
		}
		switch got := fmt.Sprint(parameter.Default); {
		case parameter.Default == nil && name == "JUNCTION_SECRET_ID": // required
		case got == documented[name]:
		case got == "" && strings.Contains(parameter.Description, "the default, "+documented[name]+"."):
		default:
			t.Errorf("%s is %q by default, and %s is %q", reference, got, name, documented[name])
		}
	}
	if diff := cmp.Diff(config.Names(), withoutLambdas(variables)); diff != "" {
		t.Errorf("the code (-) and template.yaml (+) have different variables:\n%s", diff)
	}
}
