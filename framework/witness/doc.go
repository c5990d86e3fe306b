// Package witness is the framework's side of the one workload image: it makes the
// arguments of its containers and reads what they said. The program itself is
// fixtures/witness, the types of what it says are in fixtures/witness/record, and package
// witnessimage builds the image.
//
// # Pages
//
// A container made by [Serve] with [HTTP] or [HTTPS] answers these pages, one made by
// [Collect] those marked so. Each answer carries the nonce of the process in
// the header [record.InstanceHeader].
//
//	/                    200 and the witness's ID
//	/status/CODE         CODE, 101 or 200 to 999; location= sets Location, delay= waits first, body= is the size of the body in bytes
//	/chain/N             redirects N times, then 200; the query goes along
//	/set                 path= answers code= from now on, with location=, delay= and body= like /status, or hangs up for hang-up=1
//	/PATH                what Script or /set say for PATH, else 404
//	/say                 logs times= lines (default 1), each with size= bytes of text (default 0), and answers the number (Seq) of the last one
//	/exit                ends the process with code= (default 0), after= a duration
//	/full                a TCP port in mode ListenOnly that has a connection takes no further ones: their clients get no answer
//	/requests (collect)  []record.Request that have arrived, of path= or all
//	/info (collect)      record.Info; env=A,B asks for environment variables too
//	/dial                []record.Dial: connects to addr=, host:port, or gets url=, times= in a row (default 1), each try with a connection of its own and for timeout= (default 5s)
//	/file                record.File: reads path=, or writes text= or the body of a PUT or POST there
//	/records             the file at path= as it is, for ReadLog
//	/series (collect)    record.Series of id=; with quiet= only when nothing came from it for that duration
package witness
