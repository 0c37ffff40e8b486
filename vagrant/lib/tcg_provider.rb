# A Vagrant provider for machines with neither a box nor KVM: boots the image of vagrant/setup under
# QEMU, with no network but an ssh port on 127.0.0.1. What QEMU is told is in ssh-guest.
require "fileutils"
require "socket"

module TcgProvider
  class Plugin < Vagrant.plugin("2")
    name "tcg"
    description "The project's own guest under QEMU"
    config(:tcg, :provider) { Config }
    # The lowest priority: an ordinary workstation's own provider goes first.
    provider(:tcg, box_optional: true, defaultable: true, priority: 1) { Provider }
  end

  class Config < Vagrant.plugin("2", :config)
    attr_accessor :kernel, :memory, :cpus

    def initialize
      @kernel = @memory = @cpus = UNSET_VALUE
    end

    def finalize!
      @kernel = "6.1" if @kernel == UNSET_VALUE
      @memory = 2048 if @memory == UNSET_VALUE
      @cpus = 1 if @cpus == UNSET_VALUE
    end
  end

  class Failed < Vagrant::Errors::VagrantError
    def initialize(message)
      @text = message
      super()
    end

    def error_message = @text
  end

  # The QEMU process, described by files in the machine's data directory.
  class Guest
    START = File.expand_path("ssh-guest", __dir__)
    READY = /serve-ssh: sshd is up/

    def initialize(machine)
      @machine = machine
    end

    def console = path("console.log")
    def port = read_number("ssh.port")
    def pid = read_number("qemu.pid")

    # A pid may have been given to another process since: it is ours if it names our pid file.
    def alive?
      number = pid
      !number.nil? && File.read("/proc/#{number}/cmdline").include?(path("qemu.pid"))
    rescue SystemCallError
      false
    end

    def start
      File.write(path("ssh.port"), free_port.to_s)
      config = @machine.provider_config
      words = [config.kernel, config.memory, config.cpus, port].map(&:to_s)
      log = path("qemu.log")
      started = system(START, @machine.data_dir.to_s, *words, out: log, err: log, in: "/dev/null")
      raise Failed, "the guest did not start: #{File.read(log)}" unless started
    end

    # QEMU accepts the forwarded port before the guest listens, and an early ssh meets resets and long
    # retries: so wait for the line that the guest prints when sshd is up.
    def wait_until_ready(seconds)
      deadline = now + seconds
      until console_text.match?(READY)
        raise Failed, "the guest stopped; its console ended with:\n#{console_tail}" unless alive?
        raise Failed, "no sshd after #{seconds} s; the console ends with:\n#{console_tail}" if now > deadline
        sleep 0.1
      end
    end

    # Returns whether the guest ended by itself.
    def wait_until_gone(seconds)
      deadline = now + seconds
      sleep 0.05 while alive? && now < deadline
      !alive?
    end

    def kill
      %w[TERM KILL].each do |signal|
        Process.kill(signal, pid) if alive?
        break if wait_until_gone(5)
      end
      forget "qemu.pid"
    end

    def remove
      kill
      forget "disk.qcow2", "console.log", "qemu.log", "ssh.port"
    end

    private

    def path(name) = @machine.data_dir.join(name).to_s
    def forget(*names) = FileUtils.rm_f(names.map { |name| path(name) })
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    def console_text = File.exist?(console) ? File.binread(console).scrub : ""
    def console_tail = console_text.delete("\r").lines.last(15).join

    def read_number(name)
      Integer(File.read(path(name)))
    rescue SystemCallError, ArgumentError
      nil
    end

    def free_port
      server = TCPServer.new("127.0.0.1", 0)
      server.addr[1]
    ensure
      server&.close
    end
  end

  class Provider < Vagrant.plugin("2", :provider)
    def self.usable?(raise_error = false)
      found = ENV["PATH"].split(":").any? { |directory| File.executable?("#{directory}/qemu-system-x86_64") }
      raise Failed, "qemu-system-x86_64 is not installed: run 'vagrant/setup --vagrant'" if !found && raise_error
      found
    end

    def initialize(machine)
      @guest = Guest.new(machine)
      @machine = machine
    end

    def state
      return named_state(Vagrant::MachineState::NOT_CREATED_ID, "not created") if @machine.id.nil?
      return named_state(:stopped, "stopped") unless @guest.alive?
      named_state(:running, "running", "QEMU is process #{@guest.pid}, ssh is on 127.0.0.1:#{@guest.port}, the console is #{@guest.console}")
    end

    def ssh_info
      { host: "127.0.0.1", port: @guest.port } if @guest.alive?
    end

    # The steps of a vagrant command; nil is a command that this provider does not have.
    def action(name)
      steps = STEPS[name]
      steps && Vagrant::Action::Builder.new.tap { |builder| instance_exec(builder, &steps) }
    end

    BUILTIN = Vagrant::Action::Builtin
    STEPS = {
      up: lambda do |builder|
        builder.use BUILTIN::ConfigValidate
        builder.use Boot
        builder.use BUILTIN::Provision
        builder.use BUILTIN::SyncedFolders
        builder.use BUILTIN::WaitForCommunicator, [:running]
      end,
      reload: lambda do |builder|
        builder.use Halt
        STEPS[:up].call(builder)
      end,
      halt: ->(builder) { builder.use Halt },
      destroy: lambda do |builder|
        builder.use BUILTIN::Call, BUILTIN::DestroyConfirm do |env, nested|
          nested.use Destroy if env[:result]
        end
      end,
      provision: lambda do |builder|
        builder.use BUILTIN::ConfigValidate
        builder.use RequireRunning
        builder.use BUILTIN::Provision
      end,
      ssh: lambda do |builder|
        builder.use RequireRunning
        builder.use BUILTIN::SSHExec
      end,
      ssh_run: lambda do |builder|
        builder.use RequireRunning
        builder.use BUILTIN::SSHRun
      end
    }.freeze

    private

    def named_state(id, short, long = short) = Vagrant::MachineState.new(id, short, long)
  end

  # What the actions have in common: `run` does the work, then the next action follows.
  class Action
    def initialize(app, env)
      @app = app
      @machine = env[:machine]
      @guest = Guest.new(@machine)
      @ui = env[:ui]
    end

    def call(env)
      run(env)
      @app.call(env)
    end
  end

  class RequireRunning < Action
    def run(_env)
      raise Vagrant::Errors::VMNotRunningError unless @guest.alive?
    end
  end

  class Boot < Action
    def run(_env)
      return @ui.info("already running") if @guest.alive?
      @machine.id ||= "tcg-#{Process.pid}"
      @guest.start
      @guest.wait_until_ready(@machine.config.vm.boot_timeout)
      @ui.info(@machine.state.long_description)
    end

    # A guest that never became ready is of no use to anyone.
    def recover(env)
      @guest.kill if env["vagrant.error"].is_a?(Failed)
    end
  end

  class Halt < Action
    POWER_OFF = "for key in s u o; do echo $key >/proc/sysrq-trigger; done".freeze

    def run(env)
      return unless @guest.alive?
      @ui.info("halting")
      power_off unless env[:force_halt]
      @guest.kill
    end

    private

    # The connection breaks with the guest, so its error says nothing.
    def power_off
      @machine.communicate.sudo(POWER_OFF)
    rescue StandardError
      nil
    ensure
      @guest.wait_until_gone(5)
    end
  end

  class Destroy < Action
    def run(_env)
      @guest.remove
      @machine.id = nil
      @ui.info("destroyed")
    end
  end
end
