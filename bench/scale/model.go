package main

const (
	million = 1_000_000
	hour    = 3600.0
	month   = 30 * 24 * hour
	gib     = 1 << 30

	// roundTrips is the time of an invocation, in seconds, for the table and the bus: a cautious assumption.
	roundTrips = 0.1
	// processor is the time that a refresh needs of a whole processor, in seconds, averaged over the batches of an
	// instance: a cautious assumption. For batches of 100 without published results, go run ./bench/scale -function
	// bin/bootstrap measured 0.0003 for later ones, and 0.0007 for the first one, which makes new connections.
	processor = 0.0008
	// wholeProcessor is the memory, in MB, with which a function gets a whole processor:
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
	wholeProcessor = 1769
)

// setting is how the messages of a queue are processed.
type setting struct {
	batch       int     // messages per invocation
	concurrency int     // concurrent invocations
	upstream    float64 // seconds that Junction takes for the slowest user of a batch
	memory      int     // MB
}

// of returns a setting with the least memory, which is enough for a batch of 100.
func of(batch, concurrency int, upstream float64) setting {
	return setting{batch, concurrency, upstream, 128}
}

// busy returns how many seconds an invocation computes.
func (s setting) busy() float64 {
	return float64(s.batch) * processor * max(1, wholeProcessor/float64(s.memory))
}

// metricsLine returns how many bytes of metrics an invocation logs.
func (s setting) metricsLine() float64 {
	return bytesPerMetricsLine + float64(s.batch-1)*bytesPerFurtherRefresh
}

// rounds returns how many times in succession an invocation waits for Junction.
func (s setting) rounds() int { return (s.batch + maxConcurrency - 1) / maxConcurrency }

// seconds returns how long an invocation takes.
func (s setting) seconds() float64 { return float64(s.rounds())*s.upstream + s.busy() + roundTrips }

// fits reports whether each refresh of the batch has enough time.
func (s setting) fits() bool { return s.seconds() <= timeout-headroom }

// inFlight returns how many messages are in flight.
func (s setting) inFlight() int { return s.batch * s.concurrency }

// perSecond returns how many refreshes are made per second.
func (s setting) perSecond() float64 { return float64(s.inFlight()) / s.seconds() }

// perHour returns how many users are refreshed per hour.
func (s setting) perHour() float64 { return s.perSecond() * hour }

// rampMinutes returns how long Lambda takes to reach the concurrency.
func (s setting) rampMinutes() float64 {
	return max(0, float64(s.concurrency-initialBatches)/batchesPerMinute)
}

// cost is the cost of a number of refreshes in dollars, by service.
type cost struct {
	compute, requests, queue, bus, table, logs, steps float64
}

func (c cost) total() float64 {
	return c.compute + c.requests + c.queue + c.bus + c.table + c.logs + c.steps
}

// perMillion returns the cost of a million refreshes through the queue.
func (s setting) perMillion() cost {
	c := direct(s)
	perRequest := float64(min(s.batch, messagesPerRequest))
	sends, receives, deletes := million/float64(messagesPerRequest), million/perRequest, million/perRequest
	c.queue = (sends + receives + deletes) * sqsRequest
	return c
}

// direct returns the cost of a million refreshes without a queue.
func direct(s setting) cost {
	invocations := million / float64(s.batch)
	return cost{
		compute:  invocations * s.seconds() * float64(s.memory) / 1024 * lambdaGBSecond,
		requests: invocations * lambdaRequest,
		bus:      million * busEvent,
		table:    million * writesPerRefresh * unitsPerWrite * tableWriteUnit,
		logs:     (million*bytesPerRefreshLogged + invocations*(bytesPerInvocationLogged+s.metricsLine())) / gib * logsGB,
	}
}

// followUps returns the cost of a million follow-ups that end at the given look, in addition to their refreshes. batch is
// how many looks an invocation makes.
func followUps(looks, batch int) cost {
	s := of(batch, 1, lookSeconds)
	n := million * float64(looks)
	invocations := n / float64(batch)
	return cost{
		compute:  invocations * s.seconds() * float64(s.memory) / 1024 * lambdaGBSecond,
		requests: invocations * lambdaRequest,
		queue:    (n + 2*invocations) * sqsRequest, // each look is sent by itself
		bus:      million * busEvent,
		table:    million * unitsPerWrite * tableWriteUnit,
		// Only the last looks have metrics.
		logs: ((n+million)*bytesPerRefreshLogged + invocations*(bytesPerInvocationLogged+s.metricsLine()/float64(looks))) / gib * logsGB,
	}
}

// standardMap returns the cost of a million refreshes by a Distributed Map with Standard children.
func standardMap(upstream float64) cost {
	c := direct(of(1, 1, upstream))
	c.steps = million * transitionsPerChild * standardTransition
	return c
}

// expressMap returns the cost of a million refreshes by a Distributed Map with Express children, whose states are not
// charged.
func expressMap(upstream float64) cost {
	s := of(1, 1, upstream)
	c := direct(s)
	c.steps = million * (standardTransition + expressRequest + s.seconds()*expressGB*expressGBSecond)
	return c
}

// httpTask returns the cost of a million HTTP Tasks as the children of a Distributed Map, without this function.
func httpTask() cost { return cost{steps: million * transitionsPerChild * standardTransition} }

// apiDestinations returns the cost of a million calls by EventBridge, without this function.
func apiDestinations() cost { return cost{bus: million * (busEvent + apiDestination)} }

// pages returns the additional cost of {"all_users": true} for a million users, in dollars.
func pages() float64 {
	messages := million / float64(usersPerPage)
	return messages / messagesPerRequest * 3 * sqsRequest
}

// idlePolls returns how many requests a mapping with the given number of pollers makes per month to an empty queue.
func idlePolls(pollers int) float64 { return float64(pollers) * month / longPollSeconds }

// toRefresh returns how long it takes to refresh the given number of users, in seconds, including the ramp-up; at
// least one invocation.
func (s setting) toRefresh(users int) float64 {
	full := float64(users) / s.perSecond()
	// During the ramp-up, on average half of the batches to be added are missing.
	missing := max(0, float64(s.concurrency-initialBatches)) / float64(s.concurrency)
	return max(s.seconds(), full) + missing*s.rampMinutes()*60/2
}
