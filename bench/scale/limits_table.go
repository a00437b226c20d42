package main

import "fmt"

// limits has the number of refreshes at which each limit of AWS is reached, and the number of concurrent invocations
// that this is with batches of 100 and 10 s upstream.
func limits() table {
	s := of(100, 1, 10)
	t := table{name: "limits", head: []string{"limit", "is reached at", "with batches of 100 at 10 s"}}
	concurrent := func(name string, refreshes int) {
		t.add(name, commas(refreshes)+" concurrent refreshes", commas(refreshes/s.batch)+" concurrent invocations")
	}
	perSecond := func(name string, refreshes int) {
		t.add(name, commas(refreshes)+" refreshes per second", commas(int(float64(refreshes)/s.perSecond()))+" concurrent invocations")
	}
	perSecond(commas(newTableUnits)+" write units per second of a new table", newTableUnits/(writesPerRefresh*unitsPerWrite))
	perSecond(commas(putEventsSmallest)+" PutEvents per second with 10 results each, in the smallest regions", putEventsSmallest*eventsPerPut)
	concurrent(commas(accountConcurrent)+" concurrent invocations of an account", accountConcurrent*s.batch)
	perSecond(commas(maxTableUnits)+" write units per second, the quota of a table", maxTableUnits/(writesPerRefresh*unitsPerWrite))
	concurrent(commas(messagesInFlight)+" messages in flight", messagesInFlight)
	concurrent(commas(maxBatches)+" concurrent batches of a mapping", maxBatches*s.batch)
	perSecond(commas(putEvents)+" PutEvents per second with 10 results each, in us-east-1", putEvents*eventsPerPut)
	return t
}

// atRest has the monthly cost of a stack that is not used.
func atRest() table {
	t := table{name: "at rest", head: []string{"at rest", "requests per month", "dollars per month"}}
	polls := idlePolls(initialBatches)
	t.add(fmt.Sprintf("%d pollers of the queue, %d s per poll", initialBatches, longPollSeconds), rounded(polls), dollars(polls*sqsRequest))
	t.add("the secret", "", dollars(secretMonth))
	t.add("function, table, bus, empty logs", "", dollars(0))
	t.add("total without alarms and dashboard", "", dollars(polls*sqsRequest+secretMonth))
	alarms := watchedMetrics*alarmMetricMonth + compositeAlarms*compositeMonth
	t.add(fmt.Sprintf("alarms, which watch %d metrics, and one of alarms", watchedMetrics), "", dollars(alarms))
	t.add("dashboard", "", dollars(dashboards*dashboardMonth))
	t.add("total", "", dollars(polls*sqsRequest+secretMonth+alarms+dashboards*dashboardMonth))
	t.add(fmt.Sprintf("not at rest: the alarms' %d metrics, at most", filteredMetrics), "", dollars(filteredMetrics*customMetricMonth))
	return t
}

// metrics has the monthly cost of the function's own metrics, if each has data.
func metrics() table {
	t := table{name: "metrics", head: []string{"requests come by", "hours per day", "metrics, at most", "dollars per month"}}
	const other = functionMetrics - followUpMetrics
	for _, use := range []struct {
		by      string
		hours   float64
		metrics int
	}{
		{"a daily schedule", 1, functionMetrics},
		{"an hourly schedule, or webhooks", 24, functionMetrics},
		{"these, and the HTTP API", 24, functionMetrics + other},
		{"all six triggers", 24, functionMetrics + 5*other},
	} {
		t.add(use.by, fmt.Sprint(use.hours), commas(use.metrics), dollars(use.hours/24*float64(use.metrics)*customMetricMonth))
	}
	return t
}

// failures has the course and the cost of a message that fails each time.
func failures() table {
	t := table{name: "failures", head: []string{"a message that fails each time", "with the defaults"}}
	visibility := visibilities * timeout
	t.add("is retried after (visibility timeout)", fmt.Sprintf("%.0f s", visibility))
	t.add("is received (maxReceiveCount)", fmt.Sprintf("%d times", maxReceives))
	t.add("moves to the dead-letter queue after", duration(visibility*maxReceives))
	t.add("costs", fmt.Sprintf("%d refreshes", maxReceives))
	t.add("a million of them cost, with batches of 100", dollars(maxReceives*of(100, 1, 10).perMillion().total()))
	t.add("a million of them cost, with batches of 1", dollars(maxReceives*of(1, 1, 10).perMillion().total()))
	return t
}
