// Package standin is Lambda and the services around a function, for benchmarks: the runtime API, the share of a processor
// that a memory size gives, and Junction and AWS's services behind TLS, as far away as they are in reality. It runs on
// Linux.
package standin
