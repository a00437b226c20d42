package main

const (
	million = 1_000_000
	hour    = 3600.0
	month   = 30 * 24 * hour
	gib     = 1 << 30

	// roundTrips is what an invocation takes beside Junction and its own processor, in seconds: the table, the bus.
	// An assumption, on the safe side.
	roundTrips = 0.1
	// processor is what a refresh takes of a whole processor, in seconds, where each makes its connections anew:
	// go run ./bench/scale -function bin/bootstrap.
	processor = 0.002
	// wholeProcessor is the memory, in MB, with which Lambda gives a function one processor:
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
	wholeProcessor = 1769
)

// setting is how a queue is worked off.
type setting struct {
	batch       int     // messages an invocation
	concurrency int     // invocations at once
	upstream    float64 // seconds that Junction takes for the slowest user of a batch
	memory      int     // MB
}

// of is a setting with the memory that its batch needs: enough processor to ask the table for all at once within the
// 300 ms that docs/quota.md gives it.
func of(batch, concurrency int, upstream float64) setting {
	memory := 128
	if batch > 10 {
		memory = 1024
	}
	return setting{batch, concurrency, upstream, memory}
}

// busy is how long an invocation computes.
func (s setting) busy() float64 {
	return float64(s.batch) * processor * max(1, wholeProcessor/float64(s.memory))
}

// rounds is how many times an invocation waits for Junction, one after the other.
func (s setting) rounds() int { return (s.batch + maxConcurrency - 1) / maxConcurrency }

// seconds is how long an invocation takes.
func (s setting) seconds() float64 { return float64(s.rounds())*s.upstream + s.busy() + roundTrips }

// fits says whether each refresh of the batch has the time that it asks for.
func (s setting) fits() bool { return s.seconds() <= timeout-headroom }

// atOnce is how many messages are in flight.
func (s setting) atOnce() int { return s.batch * s.concurrency }

// perSecond is how many refreshes end in a second.
func (s setting) perSecond() float64 { return float64(s.atOnce()) / s.seconds() }

// perHour is how many users are refreshed in an hour.
func (s setting) perHour() float64 { return s.perSecond() * hour }

// rampMinutes is how long Lambda takes to run so many batches at once.
func (s setting) rampMinutes() float64 {
	return max(0, float64(s.concurrency-firstBatches)/batchesPerMinute)
}

// cost is what a number of refreshes costs, by service.
type cost struct {
	compute, requests, queue, bus, table, logs, steps float64
}

func (c cost) total() float64 {
	return c.compute + c.requests + c.queue + c.bus + c.table + c.logs + c.steps
}

// perMillion is what a million refreshes through the queue cost.
func (s setting) perMillion() cost {
	c := direct(s)
	perRequest := float64(min(s.batch, messagesPerRequest))
	sends, receives, deletes := million/float64(messagesPerRequest), million/perRequest, million/perRequest
	c.queue = (sends + receives + deletes) * sqsRequest
	return c
}

// direct is what a million refreshes cost that come to the function without a queue.
func direct(s setting) cost {
	invocations := million / float64(s.batch)
	return cost{
		compute:  invocations * s.seconds() * float64(s.memory) / 1024 * lambdaGBSecond,
		requests: invocations * lambdaRequest,
		bus:      million * busEvent,
		table:    million * writesPerRefresh * unitsPerWrite * tableWriteUnit,
		logs:     (million*bytesPerRefreshLogged + invocations*bytesPerInvocationLogged) / gib * logsGB,
	}
}

// standardMap is what a million refreshes cost by a Distributed Map with Standard children.
func standardMap(upstream float64) cost {
	c := direct(of(1, 1, upstream))
	c.steps = million * transitionsPerChild * standardTransition
	return c
}

// expressMap is the same with Express children, whose own states are not charged one by one.
func expressMap(upstream float64) cost {
	one := of(1, 1, upstream)
	c := direct(one)
	c.steps = million * (standardTransition + expressRequest + one.seconds()*expressGB*expressGBSecond)
	return c
}

// httpTask is what a million bare HTTP Tasks cost, as the children of a Distributed Map.
func httpTask() cost { return cost{steps: million * transitionsPerChild * standardTransition} }

// apiDestinations is what a million bare calls by EventBridge cost.
func apiDestinations() cost { return cost{bus: million * (busEvent + apiDestination)} }

// pages is what {"all_users": true} adds for a million users.
func pages() float64 {
	messages := million / float64(usersPerPage)
	return messages / messagesPerRequest * 3 * sqsRequest
}

// idlePolls is how many requests a mapping with so many pollers makes of an empty queue in a month.
func idlePolls(pollers int) float64 { return float64(pollers) * month / longPollSeconds }

// toRefresh is how long so many users take, in seconds, the ramp included; no less than one invocation.
func (s setting) toRefresh(users int) float64 {
	full := float64(users) / s.perSecond()
	// While the batches at once rise, on average half of those that are still to come are missing.
	missing := max(0, float64(s.concurrency-firstBatches)) / float64(s.concurrency)
	return max(s.seconds(), full) + missing*s.rampMinutes()*60/2
}
