package main

import "fmt"

var (
	batches       = []int{1, 10, 100}
	concurrencies = []int{2, 10, 50, 250, mostConcurrency}
	upstreams     = []float64{5, 10, 30, 60}
)

// users says how many are refreshed in an hour, where Junction takes 10 s for the slowest of each batch.
func users() table {
	t := table{name: "users an hour", head: []string{"batch"}}
	for _, c := range concurrencies {
		t.head = append(t.head, commas(c)+" at once")
	}
	for _, batch := range batches {
		row := []string{commas(batch)}
		for _, c := range concurrencies {
			row = append(row, rounded(of(batch, c, 10).perHour()))
		}
		t.add(row...)
	}
	return t
}

// fastest says the same for one invocation at a time, by how long Junction takes.
func fastest() table {
	t := table{name: "users an hour for each invocation at once", head: []string{"batch"}}
	for _, up := range upstreams {
		t.head = append(t.head, fmt.Sprintf("%.0f s", up))
	}
	for _, batch := range []int{1, 10, 100, 200, 800, 10_000} {
		row := []string{commas(batch)}
		for _, up := range upstreams {
			s := of(batch, 1, up)
			cell := "does not fit"
			if s.fits() {
				cell = rounded(s.perHour())
			}
			row = append(row, cell)
		}
		t.add(row...)
	}
	return t
}

// bills are the batches and memories whose costs are shown.
var bills = []setting{of(1, 1, 0), of(10, 1, 0), {10, 1, 0, 256}, {100, 1, 0, 512}, of(100, 1, 0)}

// perMillion says what a million refreshes cost, by batch, memory and how long Junction takes.
func perMillion() table {
	t := table{name: "dollars a million", head: []string{"batch", "MB"}}
	for _, up := range upstreams {
		t.head = append(t.head, fmt.Sprintf("%.0f s", up))
	}
	for _, s := range bills {
		row := []string{commas(s.batch), commas(s.memory)}
		for _, s.upstream = range upstreams {
			row = append(row, dollars(s.perMillion().total()))
		}
		t.add(row...)
	}
	return t
}

// services says what a million refreshes of 10 s consist of.
func services() table {
	t := table{name: "dollars by service", head: []string{
		"batch", "MB", "Lambda, time", "Lambda, requests", "SQS", "EventBridge", "DynamoDB", "logs", "together"}}
	for _, s := range bills {
		s.upstream = 10
		c := s.perMillion()
		t.add(commas(s.batch), commas(s.memory), dollars(c.compute), dollars(c.requests), dollars(c.queue), dollars(c.bus), dollars(c.table),
			dollars(c.logs), dollars(c.total()))
	}
	return t
}

// teams says how long all of a team's users take with the settings of "Which settings are mine".
func teams() table {
	t := table{name: "teams", head: []string{
		"users", "batch", "invocations at once", "MB", "refreshes at once", "until so many run", "all users at 10 s", "at 30 s", "all users once"}}
	for _, team := range []struct{ users, batch, concurrency int }{
		{10, 10, 2}, {10_000, 10, 10}, {million, 100, 50}, {10 * million, 100, 250},
	} {
		s := of(team.batch, team.concurrency, 10)
		slow := of(team.batch, team.concurrency, 30)
		share := float64(team.users) / million
		t.add(commas(team.users), commas(team.batch), commas(team.concurrency), commas(s.memory), commas(s.atOnce()), took(s.rampMinutes()*60),
			took(s.toRefresh(team.users)), took(slow.toRefresh(team.users)), dollars(share*(s.perMillion().total()+pages())))
	}
	return t
}

// alternatives says what a million refreshes of 10 s cost by other ways.
func alternatives() table {
	const up = 10
	t := table{name: "alternatives", head: []string{
		"a million refreshes of 10 s by", "starts a second", "Step Functions", "the rest", "together"}}
	for _, way := range []struct {
		name   string
		starts int // a second, where the service has a limit of its own
		cost   cost
	}{
		{"this queue, batches of 100", 0, of(100, 1, up).perMillion()},
		{"this queue, batches of 10", 0, of(10, 1, up).perMillion()},
		{"this queue, batches of 1", 0, of(1, 1, up).perMillion()},
		{"one direct invocation each", 0, direct(of(1, 1, up))},
		{"a Distributed Map over this function, Express children", expressChildren, expressMap(up)},
		{"a Distributed Map over this function, Standard children", standardChildren, standardMap(up)},
		{"a Distributed Map of HTTP Tasks, without this function", standardChildren, httpTask()},
		{"EventBridge API destinations, without this function", destinationCalls, apiDestinations()},
	} {
		starts := ""
		if way.starts > 0 {
			starts = fmt.Sprintf("%s: %s", commas(way.starts), took(million/float64(way.starts)))
		}
		t.add(way.name, starts, dollars(way.cost.steps), dollars(way.cost.total()-way.cost.steps), dollars(way.cost.total()))
	}
	return t
}
