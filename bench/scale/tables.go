package main

import "fmt"

var (
	batches       = []int{1, 10, 100}
	concurrencies = []int{2, 10, 50, 250, maxMappingBatches}
	upstreams     = []float64{5, 10, 30, 60}
)

// users has the users per hour if Junction takes 10 s for the slowest user of each batch.
func users() table {
	t := table{name: "users per hour", head: []string{"batch"}}
	for _, c := range concurrencies {
		t.head = append(t.head, commas(c)+" concurrent")
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

// usersPerInvocation has the users per hour of a single concurrent invocation, by how long Junction takes.
func usersPerInvocation() table {
	t := table{name: "users per hour and concurrent invocation", head: []string{"batch"}}
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

// priced are the settings whose costs are shown.
var priced = []setting{of(1, 1, 0), of(10, 1, 0), {10, 1, 0, 256}, of(100, 1, 0), {100, 1, 0, 512}}

// perMillion has the cost of a million refreshes, by batch, memory and how long Junction takes.
func perMillion() table {
	t := table{name: "dollars per million", head: []string{"batch", "MB"}}
	for _, up := range upstreams {
		t.head = append(t.head, fmt.Sprintf("%.0f s", up))
	}
	for _, s := range priced {
		row := []string{commas(s.batch), commas(s.memory)}
		for _, s.upstream = range upstreams {
			row = append(row, dollars(s.perMillion().total()))
		}
		t.add(row...)
	}
	return t
}

// services has the cost of a million refreshes of 10 s by service.
func services() table {
	t := table{name: "dollars by service", head: []string{
		"batch", "MB", "Lambda, time", "Lambda, requests", "SQS", "EventBridge", "DynamoDB", "logs", "total"}}
	for _, s := range priced {
		s.upstream = 10
		c := s.perMillion()
		t.add(commas(s.batch), commas(s.memory), dollars(c.compute), dollars(c.requests), dollars(c.queue), dollars(c.bus), dollars(c.table),
			dollars(c.logs), dollars(c.total()))
	}
	return t
}

// looks has the additional cost of a million follow-ups, by the look at which they end.
func looks() table {
	t := table{name: "follow-ups", head: []string{"a follow-up ends at look", "each look has its own invocation", "ten looks per invocation"}}
	for n := 1; n <= maxLooks; n++ {
		t.add(commas(n), dollars(followUps(n, 1).total()), dollars(followUps(n, 10).total()))
	}
	return t
}

// teams has the time and cost of refreshing all users of a team, with settings that fit its size.
func teams() table {
	t := table{name: "teams", head: []string{
		"users", "batch", "concurrent invocations", "MB", "concurrent refreshes", "ramp-up", "all users at 10 s", "all users at 30 s", "cost of all users at 10 s"}}
	for _, team := range []struct{ users, batch, concurrency int }{
		{10, 10, 2}, {10_000, 10, 10}, {million, 100, 50}, {10 * million, 100, 250},
	} {
		s := of(team.batch, team.concurrency, 10)
		slow := of(team.batch, team.concurrency, 30)
		share := float64(team.users) / million
		t.add(commas(team.users), commas(team.batch), commas(team.concurrency), commas(s.memory), commas(s.inFlight()), duration(s.rampMinutes()*60),
			duration(s.toRefresh(team.users)), duration(slow.toRefresh(team.users)), dollars(share*(s.perMillion().total()+pages())))
	}
	return t
}

// alternatives has the cost of a million refreshes of 10 s with other services.
func alternatives() table {
	const up = 10
	t := table{name: "alternatives", head: []string{
		"a million refreshes of 10 s with", "starts per second", "Step Functions", "everything else", "total"}}
	for _, way := range []struct {
		name   string
		starts int // the service's limit of starts per second; 0: none
		cost   cost
	}{
		{"this queue, batches of 100", 0, of(100, 1, up).perMillion()},
		{"this queue, batches of 10", 0, of(10, 1, up).perMillion()},
		{"this queue, batches of 1", 0, of(1, 1, up).perMillion()},
		{"one direct invocation per user", 0, direct(of(1, 1, up))},
		{"a Distributed Map over this function, Express children", expressChildren, expressMap(up)},
		{"a Distributed Map over this function, Standard children", standardChildren, standardMap(up)},
		{"a Distributed Map of HTTP Tasks, without this function", standardChildren, httpTask()},
		{"EventBridge API destinations, without this function", destinationCalls, apiDestinations()},
	} {
		starts := ""
		if way.starts > 0 {
			starts = fmt.Sprintf("%s: %s", commas(way.starts), duration(million/float64(way.starts)))
		}
		t.add(way.name, starts, dollars(way.cost.steps), dollars(way.cost.total()-way.cost.steps), dollars(way.cost.total()))
	}
	return t
}
