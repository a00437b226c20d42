package observe

import (
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// maxValues is how many values of one metric a line may have.
const maxValues = 100

// count is a metric of which an invocation has one number.
type count int

const (
	refreshes count = iota
	completed
	inProgress
	partial
	failed
	coalesced
	rateLimited
	unauthorized
	withoutQuota
	settled
	unsettled
	secretReads
	coldStart
	counts // the number of counts
)

var countNames = [counts]string{
	"Refreshes", "Completed", "InProgress", "Partial", "Failed", "Coalesced", "RateLimited", "Unauthorized",
	"QuotaUnavailable", "Settled", "Unsettled", "SecretReads", "ColdStart",
}

// series is a metric of which an invocation has any number of values.
type series int

const (
	upstreamLatency series = iota
	attempts
	timeToSettle
	serieses // the number of series
)

var (
	seriesNames = [serieses]string{"UpstreamLatency", "Attempts", "TimeToSettle"}
	seriesUnits = [serieses]string{"Milliseconds", "Count", "Milliseconds"}
)

// tally is what one invocation has counted. The zero value is empty.
type tally struct {
	counts [counts]int64
	values [serieses][]int64
}

func (t *tally) add(s series, value int64) { t.values[s] = append(t.values[s], value) }

// reset empties the tally, and keeps its memory.
func (t *tally) reset() {
	t.counts = [counts]int64{}
	for s := range t.values {
		t.values[s] = t.values[s][:0]
	}
}

// appendLines appends the tally in CloudWatch Embedded Metric Format: one line, or as many as the longest
// series needs. A count of 0 and a series without values are left out, because CloudWatch bills each metric
// that has data. Nothing is appended if nothing is left.
func (t *tally) appendLines(b []byte, level, trigger string, now time.Time, plain bool) []byte {
	lines := 0
	if t.counts != [counts]int64{} {
		lines = 1
	}
	for _, values := range t.values {
		lines = max(lines, (len(values)+maxValues-1)/maxValues)
	}
	for line := range lines {
		part := tally{}
		if line == 0 {
			part.counts = t.counts
		}
		for s, values := range t.values {
			part.values[s] = values[min(line*maxValues, len(values)):min((line+1)*maxValues, len(values))]
		}
		b = part.appendLine(b, level, trigger, now, plain)
	}
	return b
}

// appendLine appends one line, without the format's metadata if plain. Its texts are our own or Lambda's, and need no
// escapes. function_version is not a metric: it shows which published version wrote the line.
func (t *tally) appendLine(b []byte, level, trigger string, now time.Time, plain bool) []byte {
	b = append(b, `{"timestamp":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`+level+`","message":"metrics",`...)
	if !plain {
		b = t.appendMetadata(b, now)
	}
	b = append(b, `"Trigger":"`+trigger+`"`...)
	if v := lambdacontext.FunctionVersion; v != "" { // not on a laptop
		b = append(b, `,"function_version":"`+v+`"`...)
	}
	for c, n := range t.counts {
		if n > 0 {
			b = strconv.AppendInt(append(b, `,"`+countNames[c]+`":`...), n, 10)
		}
	}
	for s, values := range t.values {
		if len(values) > 0 {
			b = append(b, `,"`+seriesNames[s]+`":[`...)
			for _, value := range values {
				b = append(strconv.AppendInt(b, value, 10), ',')
			}
			b[len(b)-1] = ']' // in place of the last comma
		}
	}
	return append(b, "}\n"...)
}

// appendMetadata appends the metadata from which CloudWatch extracts metrics.
func (t *tally) appendMetadata(b []byte, now time.Time) []byte {
	b = append(b, `"_aws":{"Timestamp":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	b = append(b, `,"CloudWatchMetrics":[{"Namespace":"JunctionRefresh","Dimensions":[["Trigger"]],"Metrics":[`...)
	for c, n := range t.counts {
		if n > 0 {
			b = appendDefinition(b, countNames[c], "Count")
		}
	}
	for s, values := range t.values {
		if len(values) > 0 {
			b = appendDefinition(b, seriesNames[s], seriesUnits[s])
		}
	}
	b = b[:len(b)-1] // the last comma
	return append(b, `]}]},`...)
}

func appendDefinition(b []byte, name, unit string) []byte {
	return append(b, `{"Name":"`+name+`","Unit":"`+unit+`"},`...)
}
