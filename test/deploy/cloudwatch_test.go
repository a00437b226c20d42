package deploy

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// cloudWatchPeriod is the period of the values that are kept.
const cloudWatchPeriod = 5 * time.Minute

// metricKey is a metric with one dimension, or with none.
type metricKey struct{ Namespace, Name, Dimension, Value string }

// cloudWatch has the values of each metric by period, as CloudWatch gets them.
type cloudWatch struct {
	began time.Time

	mu     sync.Mutex
	values map[metricKey]map[int][]float64
}

func (c *cloudWatch) put(key metricKey, values ...float64) {
	period := int(time.Since(c.began) / cloudWatchPeriod)
	if period >= int(24*time.Hour/cloudWatchPeriod) {
		return // it is another day
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values[key] == nil {
		c.values[key] = map[int][]float64{}
	}
	c.values[key][period] = append(c.values[key][period], values...)
}

// Write takes what the function writes to its log: lines in CloudWatch's Embedded Metric Format. The template's metric
// filters make further metrics of them, without a dimension.
func (c *cloudWatch) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			return 0, err
		}
		about := fields["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
		for _, definition := range about["Metrics"].([]any) {
			name := definition.(map[string]any)["Name"].(string)
			values, many := fields[name].([]any)
			if !many {
				values = []any{fields[name]}
				c.put(metricKey{"JunctionRefresh/" + stackName, name, "", ""}, fields[name].(float64))
			}
			for _, value := range values {
				c.put(metricKey{about["Namespace"].(string), name, "Trigger", fields["Trigger"].(string)}, value.(float64))
			}
		}
	}
	return len(lines), nil
}

// valuesOf returns the values of an alarm's metric between two times of the day.
func (c *cloudWatch) valuesOf(t *testing.T, m metric, from, to time.Duration) (values []float64) {
	t.Helper()
	key := metricKey{Namespace: byDefault().resolve(t, m.namespace), Name: m.name}
	if key.Namespace == "AWS/Events" || key.Namespace == "AWS/DynamoDB" {
		return nil // nothing goes wrong there
	}
	if len(m.dimensions) > 0 {
		dimension := m.dimensions[0].(map[string]any)
		key.Dimension, key.Value = dimension["Name"].(string), byDefault().resolve(t, dimension["Value"])
	}
	for p := int(from / cloudWatchPeriod); p < int(to/cloudWatchPeriod); p++ {
		values = append(values, c.values[key][p]...)
	}
	return values
}

// stateOf is the state of an alarm at the end of the day.
func (c *cloudWatch) stateOf(t *testing.T, alarm resource) string {
	t.Helper()
	seconds := regexp.MustCompile(`"Period":(\d+)`).FindStringSubmatch(text(alarm.Properties))
	lasts := time.Duration(must(strconv.Atoi(seconds[1]))) * time.Second
	metrics, _ := metricsOf(t, alarm)
	var incident []period
	for at := 23 * time.Hour; at < 24*time.Hour; at += lasts {
		now := period{}
		for _, m := range metrics {
			values := c.valuesOf(t, m, at, at+lasts)
			switch {
			case len(values) == 0:
			case m.statistic == "Sum":
				for _, value := range values {
					now[nameOf(m)] += value
				}
			case m.statistic == "Maximum":
				now[nameOf(m)] = slices.Max(values)
			default:
				t.Fatalf("this test does not know the statistic %s", m.statistic)
			}
		}
		incident = append(incident, now)
	}
	if fires(t, alarm, incident) {
		return "ALARM"
	}
	return "OK"
}
