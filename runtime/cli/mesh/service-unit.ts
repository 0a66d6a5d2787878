/** A user's service as a text: systemd's unit on Linux, launchd's agent on macOS. Pure. */

export interface Service {
  /** `nmc-join` */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Where its relative paths begin. */
  readonly folder: string;
  /** Variables that the command has read when it was tried by hand. */
  readonly environment: Readonly<Record<string, string>>;
}

/** How long Ctrl-C may take: shards are handed over. */
const STOP_WITHIN_S = 90;
const RESTART_AFTER_S = 5;

/** A unit of systemd (systemd.service(5), systemd.exec(5)), for `~/.config/systemd/user/NAME.service`. */
export function systemdUnit({ name, command, folder, environment }: Service): string {
  return `${[
    '[Unit]',
    `Description=NeuroMesh, ${systemdText(name)}`,
    '',
    '[Service]',
    `ExecStart=${command.map(systemdWord).join(' ')}`,
    `WorkingDirectory=${systemdText(folder)}`,
    ...Object.entries(environment).map(([key, value]) => `Environment=${systemdWord(`${key}=${value}`)}`),
    'Restart=on-failure',
    `RestartSec=${RESTART_AFTER_S}`,
    'KillSignal=SIGINT',
    `TimeoutStopSec=${STOP_WITHIN_S}`,
    '',
    '[Install]',
    'WantedBy=default.target',
  ].join('\n')}\n`;
}

/** A property list of launchd (launchd.plist(5)), for `~/Library/LaunchAgents/LABEL.plist`. */
export function launchdAgent(label: string, { command, folder, environment }: Service): string {
  const text = (value: string): string => `<string>${xml(value)}</string>`;
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    `  <key>Label</key>${text(label)}`,
    '  <key>ProgramArguments</key>',
    `  <array>${command.map(text).join('')}</array>`,
    `  <key>WorkingDirectory</key>${text(folder)}`,
    '  <key>EnvironmentVariables</key>',
    `  <dict>${Object.entries(environment)
      .map(([key, value]) => `<key>${xml(key)}</key>${text(value)}`)
      .join('')}</dict>`,
    '  <key>RunAtLoad</key><true/>',
    '  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>',
    `  <key>ExitTimeOut</key><integer>${STOP_WITHIN_S}</integer>`,
    '</dict>',
    '</plist>',
  ].join('\n')}\n`;
}

/** A word of a command line: quoted, with specifiers (`%`) and variables (`$`) taken as they are. */
function systemdWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '$$$$');
  return `"${systemdText(escaped)}"`;
}

const systemdText = (text: string): string => text.replaceAll('%', '%%');

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
