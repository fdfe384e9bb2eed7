/** What Hookline needs, with the role that people grant for it. */
export type Permission =
  | 'bigquery.datasets.get'
  | 'bigquery.datasets.create'
  | 'bigquery.jobs.create'
  | 'bigquery.tables.create'
  | 'bigquery.tables.get'
  | 'bigquery.tables.getData'
  | 'bigquery.tables.update'
  | 'bigquery.tables.updateData';

export interface Place {
  readonly project: string;
  readonly dataset: string;
  /** The account that asks, such as `serviceAccount:hookline@my-project.iam.gserviceaccount.com`. */
  readonly principal: string;
}

/** The statement, or the command, that grants it. */
export function grantOf(permission: Permission, { project, dataset, principal }: Place): string {
  const onProject = (role: string) =>
    `gcloud projects add-iam-policy-binding ${project} --member='${principal}' --role='${role}'`;
  switch (permission) {
    case 'bigquery.jobs.create':
      return onProject('roles/bigquery.jobUser');
    case 'bigquery.datasets.create':
      return onProject('roles/bigquery.user');
    default:
      return `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`${project}\`.\`${dataset}\` TO "${principal}";`;
  }
}

/** What to do about a refusal. */
export function adviceOf(permission: Permission, place: Place): string {
  return `it needs ${permission}; run: ${grantOf(permission, place)}`;
}
