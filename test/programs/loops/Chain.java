// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A hash chain that a thread computes, while another one counts the ticks of a timer. Each line that it
 * is told is answered by the number of links, the last one, and the ticks. The last links stay on the
 * heap, where the collector moves them, and all are checked with each new one.
 */
final class Chain extends Thread {
    private static final int KEPT = 500;

    private record Link(byte[] before, byte[] digest, String noise) {}

    private final ArrayDeque<Link> links = new ArrayDeque<>();
    private final MessageDigest sha = MessageDigest.getInstance("SHA-256");
    private long count;

    private Chain() throws Exception {
        setDaemon(true);
        links.add(new Link(null, new byte[32], ""));
    }

    @Override
    public void run() {
        for (;;) grow();
    }

    private synchronized void grow() {
        byte[] before = links.getLast().digest();
        links.add(new Link(before, sha.digest(before), Long.toString(count).repeat(50)));
        if (links.size() > KEPT) links.removeFirst();
        count++;
        check();
    }

    private void check() {
        byte[] last = null;
        for (Link link : links) {
            boolean isNext = last == null || Arrays.equals(last, link.before());
            byte[] digest = link.digest();
            if (!isNext || link.before() != null && !Arrays.equals(digest, sha.digest(link.before())))
                System.out.println("a link is wrong");
            last = digest;
        }
    }

    private synchronized String say() {
        return count + " " + HexFormat.of().formatHex(links.getLast().digest());
    }

    public static void main(String[] args) throws Exception {
        Chain chain = new Chain();
        AtomicLong ticks = new AtomicLong();
        Executors.newScheduledThreadPool(1, Chain::daemon)
                .scheduleAtFixedRate(ticks::incrementAndGet, 0, 10, TimeUnit.MILLISECONDS);
        chain.start();
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        while (input.readLine() != null) System.out.println(chain.say() + " " + ticks);
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }
}
