// SPDX-License-Identifier: Apache-2.0

// A hash chain that goes from goroutine to goroutine, with a ticker beside it. Each line that the
// program is told is answered by the number of links, the last one, and the ticks. The last links stay
// on the heap, and all are checked with each new one.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	kept    = 500
	workers = 8
)

type link struct {
	before *[32]byte
	digest [32]byte
	noise  string
}

type chain struct {
	mutex sync.Mutex
	links []*link
	count int
}

func (c *chain) grow() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	last := c.links[len(c.links)-1]
	c.links = append(c.links, &link{&last.digest, sha256.Sum256(last.digest[:]), fmt.Sprint(c.count)})
	if len(c.links) > kept {
		c.links = c.links[1:]
	}
	c.count++
	c.check()
}

func (c *chain) check() {
	for i := 1; i < len(c.links); i++ {
		before := *c.links[i].before
		if before != c.links[i-1].digest || sha256.Sum256(before[:]) != c.links[i].digest {
			fmt.Println("a link is wrong")
		}
	}
}

func (c *chain) say() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return fmt.Sprintf("%d %x", c.count, c.links[len(c.links)-1].digest)
}

func main() {
	c := &chain{links: []*link{{digest: [32]byte{}}}}
	var ticks int64
	turns := make([]chan bool, workers)
	for i := range turns {
		turns[i] = make(chan bool)
	}
	for i := range turns {
		go func(mine <-chan bool, next chan<- bool) {
			for range mine {
				c.grow()
				next <- true
			}
		}(turns[i], turns[(i+1)%workers])
	}
	turns[0] <- true
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			atomic.AddInt64(&ticks, 1)
		}
	}()
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(c.say(), atomic.LoadInt64(&ticks))
	}
}
