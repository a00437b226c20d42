package main

import "fmt"

// limits says how many refreshes at once, or a second, reach a limit of AWS's, and which setting that is with
// batches of 100 and 10 s upstream.
func limits() table {
	s := of(100, 1, 10)
	t := table{name: "limits", head: []string{"limit", "is reached at", "with batches of 100 at 10 s"}}
	atOnce := func(name string, refreshes int) {
		t.add(name, commas(refreshes)+" refreshes at once", commas(refreshes/s.batch)+" invocations at once")
	}
	perSecond := func(name string, refreshes int) {
		t.add(name, commas(refreshes)+" refreshes a second", commas(int(float64(refreshes)/s.perSecond()))+" invocations at once")
	}
	perSecond(commas(newTableUnits)+" write units a second, a new table", newTableUnits/(writesPerRefresh*unitsPerWrite))
	perSecond(commas(putEventsLeast)+" PutEvents a second of 10 results, the smallest region", putEventsLeast*eventsPerPut)
	atOnce(commas(accountConcurrent)+" invocations at once of a whole account", accountConcurrent*s.batch)
	perSecond(commas(mostTableUnits)+" write units a second, a table's quota", mostTableUnits/(writesPerRefresh*unitsPerWrite))
	atOnce(commas(messagesInFlight)+" messages in flight", messagesInFlight)
	atOnce(commas(mostBatches)+" batches at once of a mapping", mostBatches*s.batch)
	perSecond(commas(putEvents)+" PutEvents a second of 10 results, us-east-1", putEvents*eventsPerPut)
	return t
}

// atRest says what a stack that nobody uses costs a month.
func atRest() table {
	t := table{name: "at rest", head: []string{"at rest", "requests a month", "dollars a month"}}
	polls := func(name string, pollers int) {
		t.add(name, rounded(idlePolls(pollers)), dollars(idlePolls(pollers)*sqsRequest))
	}
	polls(fmt.Sprintf("%d pollers of the queue, %d s each", firstBatches, longPollSeconds), firstBatches)
	t.add("the secret", "", dollars(secretMonth))
	t.add("function, table, bus, empty logs", "", dollars(0))
	t.add("together", "", dollars(idlePolls(firstBatches)*sqsRequest+secretMonth))
	return t
}

// failures says what becomes of a message that fails each time.
func failures() table {
	t := table{name: "failures", head: []string{"a message that fails each time", "with the defaults"}}
	visibility := visibilities * timeout
	t.add("comes back after (visibility timeout)", fmt.Sprintf("%.0f s", visibility))
	t.add("is tried (maxReceiveCount)", fmt.Sprintf("%d times", maxReceives))
	t.add("is on the dead-letter queue after", took(visibility*maxReceives))
	t.add("costs", fmt.Sprintf("%d refreshes", maxReceives))
	all, least := of(1, 1, 10), of(100, 1, 10)
	t.add("a million of them, batches of 100", dollars(maxReceives*least.perMillion().total()))
	t.add("a million of them, batches of 1", dollars(maxReceives*all.perMillion().total()))
	return t
}
