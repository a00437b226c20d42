package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dashboard is a dashboard's body, as far as the template uses CloudWatch's format. Anything else in a body is an error.
type dashboard struct {
	Start          string `json:"start"`
	PeriodOverride string `json:"periodOverride"`
	Widgets        []struct {
		Type       string          `json:"type"`
		X          int             `json:"x"`
		Y          int             `json:"y"`
		Width      int             `json:"width"`
		Height     int             `json:"height"`
		Properties json.RawMessage `json:"properties"`
	} `json:"widgets"`
}

// graph is the properties of a widget of the type metric.
type graph struct {
	Title       string            `json:"title"`
	Region      string            `json:"region"`
	View        string            `json:"view"`
	Stacked     bool              `json:"stacked"`
	Stat        string            `json:"stat"`
	Period      int               `json:"period"`
	YAxis       map[string]any    `json:"yAxis"`
	Annotations map[string]any    `json:"annotations"`
	Metrics     []json.RawMessage `json:"metrics"`
}

// series is one entry of a graph's metrics: an expression, or a metric with one dimension.
type series struct {
	Expression string `json:"expression"`
	ID         string `json:"id"`
	Label      string `json:"label"`
	Color      string `json:"color"`
	Stat       string `json:"stat"`
	YAxis      string `json:"yAxis"`
	Visible    *bool  `json:"visible"`

	namespace, name, dimension, value string
}

// series returns the entries of a graph.
func (g graph) series(t *testing.T) []series {
	t.Helper()
	all := make([]series, len(g.Metrics))
	for i, raw := range g.Metrics {
		entry := strict[[]json.RawMessage](t, string(raw))
		all[i] = strict[series](t, string(entry[len(entry)-1]))
		switch s := &all[i]; len(entry) {
		case 1:
			if s.Expression == "" {
				t.Errorf("%s: %s has no expression", g.Title, raw)
			}
		case 5:
			for j, text := range []*string{&s.namespace, &s.name, &s.dimension, &s.value} {
				*text = strict[string](t, string(entry[j]))
			}
		default:
			t.Errorf("%s: %s is neither an expression nor a metric with one dimension", g.Title, raw)
		}
	}
	return all
}

// strict decodes JSON and fails on a field that T does not have.
func strict[T any](t *testing.T, body string) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return value
}

// conditions are what the template's conditions are in a stack.
type conditions map[string]bool

// stackWith returns the conditions of a stack with the given optional parts.
func stackWith(alarms, httpAPI, httpAPIEnabled, webhook bool) conditions {
	return conditions{
		"": true, "HasDashboard": true, "HasAlarms": alarms, "HasHttpApi": httpAPI, "HasHttpApiAlarms": alarms && httpAPI && httpAPIEnabled,
		"HasResultWebhook": webhook, "HasResultWebhookAlarm": webhook && alarms,
	}
}

// byDefault are the conditions of a stack without any parameter.
func byDefault() conditions { return stackWith(true, true, true, false) }

// resolve returns a value of the template as CloudFormation computes it. A resource stands for each of its attributes.
func (c conditions) resolve(t *testing.T, value any) string {
	t.Helper()
	if text, ok := value.(string); ok {
		return text
	}
	function := value.(map[string]any)
	if choice, ok := function["Fn::If"].([]any); ok {
		holds, known := c[choice[0].(string)]
		switch {
		case !known:
			t.Fatalf("this test does not know the condition %v", choice[0])
		case holds:
			return c.resolve(t, choice[1])
		}
		return c.resolve(t, choice[2])
	}
	if name, ok := function["Ref"].(string); ok {
		return c.reference(t, name)
	}
	if attribute, ok := function["Fn::GetAtt"].([]any); ok {
		return c.reference(t, attribute[0].(string))
	}
	variables := map[string]any{}
	text, ok := function["Fn::Sub"].(string)
	if list, found := function["Fn::Sub"].([]any); found {
		text, variables, ok = list[0].(string), list[1].(map[string]any), true
	}
	if !ok {
		t.Fatalf("this test does not know %v", function)
	}
	return regexp.MustCompile(`\$\{([^}]+)\}`).ReplaceAllStringFunc(text, func(reference string) string {
		name := reference[2 : len(reference)-1]
		if literal, found := strings.CutPrefix(name, "!"); found {
			return "${" + literal + "}"
		}
		if variable, found := variables[name]; found {
			return c.resolve(t, variable)
		}
		return c.reference(t, name)
	})
}

// reference returns what ${name} is in Fn::Sub.
func (c conditions) reference(t *testing.T, name string) string {
	t.Helper()
	deployed := readTemplate(t, "template.yaml").Deployed
	resource, _, _ := strings.Cut(name, ".")
	switch r, found := deployed.Resources[resource]; {
	case name == "AWS::StackName":
		return stackName
	case name == "AWS::Region":
		return region
	case found && !c[r.Condition]:
		t.Fatalf("%s is referred to, which the stack does not have", resource)
	case found:
		return resource
	case deployed.Parameters[name].Default != nil:
		return fmt.Sprint(deployed.Parameters[name].Default)
	}
	t.Fatalf("%s is referred to, which does not exist", name)
	return ""
}

// dashboardBody returns the body of the dashboard in a stack.
func dashboardBody(t *testing.T, c conditions) string {
	t.Helper()
	return c.resolve(t, readTemplate(t, "template.yaml").Deployed.Resources["Dashboard"].Properties["DashboardBody"])
}

// definitionHash identifies the dashboard that docs/dashboard.svg was drawn from.
func definitionHash(t *testing.T) string {
	t.Helper()
	sum := sha256.Sum256([]byte(dashboardBody(t, byDefault())))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// everyStack runs a test for each combination of the stack's optional parts.
func everyStack(t *testing.T, test func(t *testing.T, c conditions, d dashboard)) {
	t.Helper()
	for i := range 16 {
		part := func(bit int) bool { return i>>bit&1 == 1 }
		c := stackWith(part(0), part(1), part(2), part(3))
		t.Run(fmt.Sprintf("alarms %t, HTTP API %t, enabled %t, webhook %t", part(0), part(1), part(2), part(3)), func(t *testing.T) {
			t.Parallel()
			test(t, c, strict[dashboard](t, dashboardBody(t, c)))
		})
	}
}

func TestTheWidgetsOfTheDashboardDoNotOverlap(t *testing.T) {
	t.Parallel()
	everyStack(t, func(t *testing.T, _ conditions, d dashboard) {
		taken := map[[2]int]int{}
		for i, w := range d.Widgets {
			if w.X < 0 || w.Y < 0 || w.Width < 1 || w.Height < 1 || w.X+w.Width > 24 {
				t.Errorf("widget %d is at %d,%d with %d × %d", i, w.X, w.Y, w.Width, w.Height)
			}
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if other, found := taken[[2]int{x, y}]; found {
						t.Fatalf("widgets %d and %d overlap at %d,%d", other, i, x, y)
					}
					taken[[2]int{x, y}] = i
				}
			}
		}
	})
}

// searches finds each SEARCH of an expression.
var searches = regexp.MustCompile(`SEARCH\('\{JunctionRefresh,Trigger\} MetricName="(\w+)"', '(\w+)'\)`)

func TestEveryMetricOfTheDashboardExists(t *testing.T) {
	t.Parallel()
	source := string(must(os.ReadFile(filepath.Join(root, "internal", "observe", "emf.go"))))
	counts := regexp.MustCompile(`(?s)countNames = .*?\n}`).FindString(source)
	values := regexp.MustCompile(`seriesNames = .*`).FindString(source)
	triggers := string(must(os.ReadFile(filepath.Join(root, "internal", "document", "trigger.go"))))
	statistic := regexp.MustCompile(`^(Average|Maximum|p\d\d)$`)
	own := func(t *testing.T, title, name, stat string) {
		t.Helper()
		isCount, isValue := strings.Contains(counts, `"`+name+`"`), strings.Contains(values, `"`+name+`"`)
		if !isCount && !isValue || isCount != (stat == "Sum") || isValue && !statistic.MatchString(stat) {
			t.Errorf("%s: the function has no %s of %s", title, stat, name)
		}
	}
	services := map[string]struct {
		dimension, resource string
		names               []string
	}{
		"AWS/SQS": {"QueueName", "AWS::SQS::Queue", []string{"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible",
			"ApproximateNumberOfMessagesDelayed", "ApproximateAgeOfOldestMessage"}},
		"AWS/Lambda":     {"FunctionName", "AWS::Lambda::Function", []string{"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"}},
		"AWS/ApiGateway": {"ApiId", "AWS::ApiGatewayV2::Api", []string{"Count", "4xx", "5xx", "Latency"}},
	}
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	everyStack(t, func(t *testing.T, c conditions, d dashboard) {
		for _, w := range d.Widgets {
			if w.Type != "metric" {
				continue
			}
			g := strict[graph](t, string(w.Properties))
			if g.Region != region || g.View != "timeSeries" || g.Period != 300 || len(g.Metrics) == 0 || len(g.Metrics) > 500 {
				t.Errorf("%s: %+v", g.Title, g)
			}
			var ids []string
			for _, s := range g.series(t) {
				ids = append(ids, s.ID)
			}
			for _, s := range g.series(t) {
				stat := s.Stat
				if stat == "" {
					stat = g.Stat
				}
				service, known := services[s.namespace]
				switch {
				case s.Expression != "":
					rest := searches.ReplaceAllStringFunc(s.Expression, func(search string) string {
						parts := searches.FindStringSubmatch(search)
						own(t, g.Title, parts[1], parts[2])
						return "1"
					})
					for _, name := range regexp.MustCompile(`[A-Za-z]\w*`).FindAllString(rest, -1) {
						if name != "SUM" && name != "FILL" && !slices.Contains(ids, name) {
							t.Errorf("%s: %s refers to %s", g.Title, s.Expression, name)
						}
					}
				case s.namespace == "JunctionRefresh":
					own(t, g.Title, s.name, stat)
					if s.dimension != "Trigger" || !strings.Contains(triggers, `"`+s.value+`"`) {
						t.Errorf("%s: the function has no metric with %s=%s", g.Title, s.dimension, s.value)
					}
				case !known || !slices.Contains(service.names, s.name) || s.dimension != service.dimension:
					t.Errorf("%s: %s has no %s with %s", g.Title, s.namespace, s.name, s.dimension)
				default:
					if r := resources[s.value]; r.Type != service.resource || !c[r.Condition] {
						t.Errorf("%s: the stack has no %s %s", g.Title, service.resource, s.value)
					}
				}
			}
		}
	})
}

func TestTheDashboardShowsEveryAlarmOfTheStack(t *testing.T) {
	t.Parallel()
	everyStack(t, func(t *testing.T, c conditions, d dashboard) {
		var shown, want []string
		for _, w := range d.Widgets {
			if w.Type == "alarm" {
				shown = strict[struct {
					Title  string
					Alarms []string
				}](t, string(w.Properties)).Alarms
			}
		}
		for id, alarm := range alarms(t) {
			if c[alarm.Condition] {
				want = append(want, id)
			}
		}
		slices.Sort(shown)
		slices.Sort(want)
		if !slices.Equal(shown, want) {
			t.Errorf("the dashboard shows %v, want %v", shown, want)
		}
	})
}

func TestTheDashboardsLinksAndNameAreOfTheStack(t *testing.T) {
	t.Parallel()
	resources := readTemplate(t, "template.yaml").Deployed.Resources
	body := dashboardBody(t, byDefault())
	group := byDefault().resolve(t, resources["RefreshLogGroup"].Properties["LogGroupName"])
	if link := "#logsV2:log-groups/log-group/" + strings.ReplaceAll(group, "/", "$252F") + ")"; !strings.Contains(body, link) {
		t.Errorf("the dashboard has no link %s", link)
	}
	// Dashboards of one name in two regions are the same one.
	if name := byDefault().resolve(t, resources["Dashboard"].Properties["DashboardName"]); name != stackName+"-"+region {
		t.Errorf("the dashboard is named %s", name)
	}
}

func TestWithoutMetricsThereIsNoDashboard(t *testing.T) {
	t.Parallel()
	is := func(parameter string) any {
		return map[string]any{"Fn::Equals": []any{map[string]any{"Ref": parameter}, "true"}}
	}
	deployed := readTemplate(t, "template.yaml").Deployed
	want := any(map[string]any{"Fn::And": []any{is("CreateDashboard"), is("CreateMetrics")}})
	if diff := cmp.Diff(want, deployed.Conditions[deployed.Resources["Dashboard"].Condition]); diff != "" {
		t.Errorf("the dashboard is created if (-want +got):\n%s", diff)
	}
}

func TestThePictureOfTheDashboardIsOfItsDefinition(t *testing.T) {
	t.Parallel()
	picture := string(must(os.ReadFile(filepath.Join(root, "docs", "dashboard.svg"))))
	if !strings.Contains(picture, definitionHash(t)) {
		t.Error("docs/dashboard.svg was drawn from another definition: run `make dashboard`, and look at it")
	}
}
